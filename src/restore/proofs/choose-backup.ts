import { OdoError } from '../../errors.ts';
import { byEndTime, chooseBackup, type Skipped } from '../../formats/contract/choose.ts';
import type { Backup, Repository } from '../../formats/contract/format.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { planWal } from '../../wal/plan/plan-wal.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';

/** How many older backups are tried for one that could be restored instead. */
const TRIED = 10;

/** The backup that is restored, with its WAL. */
export interface ChosenBackup {
  backup: Backup;
  skipped: Skipped[];
  /** The backup's WAL, or why it has none that a server could become consistent with. */
  wal: WalPlan | OdoError;
}

/**
 * Chooses the newest backup that is complete and whose own WAL is in the archive, or the one that is `wanted`. An idle
 * server archives the end of a backup's WAL hours later. Until then the backup before it leads to all that is in it.
 */
export async function chooseWithWal(
  store: ObjectStore,
  repository: Repository,
  wanted: 'latest' | (string & {}),
  signal: AbortSignal,
): Promise<ChosenBackup> {
  const catalogue = await repository.catalogue(signal);
  const plan = (backup: Backup) => planOrFault(store, repository, backup, signal);
  const first = chooseBackup(catalogue, wanted);
  const wal = await plan(first.backup);
  if (!(wal instanceof OdoError)) return { ...first, wal };
  const older = catalogue.filter((backup) => backup.state === 'complete' && byEndTime(backup, first.backup) < 0);
  const lacking = [{ backup: first.backup, fault: wal }];
  for (const backup of older.sort(byEndTime).reverse().slice(0, TRIED)) {
    const other = await plan(backup);
    if (other instanceof OdoError) {
      lacking.push({ backup, fault: other });
      continue;
    }
    if (wanted !== 'latest') return { ...first, wal: withOlder(wal, backup.id) };
    const passedOver = lacking.map(({ backup: { id }, fault }) => ({
      id,
      reason: fault.message,
      warning: 'until that WAL is there, only the older one can be restored',
    }));
    return { backup, skipped: [...first.skipped, ...passedOver], wal: other };
  }
  return { ...first, wal };
}

async function planOrFault(
  store: ObjectStore,
  repository: Repository,
  backup: Backup,
  signal: AbortSignal,
): Promise<WalPlan | OdoError> {
  try {
    return await planWal(store, await openWalArchive(store, repository.ref), backup, signal);
  } catch (error) {
    if (error instanceof OdoError && error.code === 'backupIncomplete') return error;
    throw error;
  }
}

function withOlder(fault: OdoError, id: string): OdoError {
  const hint = `--backup ${id} is the newest older one that has its WAL, or put the missing segment into the archive`;
  return new OdoError(fault.code, fault.message, { hint, cause: fault });
}

/** Newer backups that could not be taken. */
export function skippedWords(skipped: readonly Skipped[]): string {
  return skipped
    .map(({ id, reason, warning }) => `; skipped ${id}: ${reason}${warning === undefined ? '' : ` (${warning})`}`)
    .join('');
}
