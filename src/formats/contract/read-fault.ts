import { OdoError } from '../../errors.ts';
import { isObjectFault } from '../../store/objects/object-fault.ts';

/**
 * What is wrong with a backup whose own file could not be read; any other error is not the backup's fault, and thrown
 * again.
 */
export function faultOfBackup(error: unknown): { unreadable: string } {
  if (error instanceof OdoError && (error.code === 'dataCorrupt' || isObjectFault(error)))
    return { unreadable: error.message };
  throw error;
}

/** Where no backup at all could be read, it is the keys that lack rights: throws the first of the errors then. */
export function demandAnyReadable(backups: number, faults: readonly unknown[]): void {
  const denied = faults.filter(isObjectFault);
  if (backups > 0 && denied.length === backups) throw denied[0];
}
