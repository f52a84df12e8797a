import { OdoError } from '../../errors.ts';
import { isObjectFault } from '../../store/objects/object-fault.ts';

/**
 * Words for a backup whose own file could not be read, with what helps. Any other error is not the backup's fault, and
 * is thrown again.
 */
export function faultOfBackup(error: unknown): { unreadable: string } {
  if (!(error instanceof OdoError)) throw error;
  if (error.code === 'dataCorrupt') return { unreadable: error.message };
  if (!isObjectFault(error)) throw error;
  return { unreadable: error.hint === undefined ? error.message : `${error.message} (${error.hint})` };
}

/** Throws the first of the errors when no backup at all could be read: then the keys lack rights. */
export function demandAnyReadable(backups: number, faults: readonly unknown[]): void {
  const denied = faults.filter(isObjectFault);
  if (backups > 0 && denied.length === backups) throw denied[0];
}
