import { readJournal, writeJournal } from '../target/journal.ts';
import type { Target } from './engine.ts';

// A rollback exchanges the two contents, starts the service, and sees whether it answers. One that died anywhere on the way is given again by whoever
// did not see its end; to exchange them once more would undo it. So the journal says whether its end was told.

/** Notes that the last rollback has come to its end before somebody's eyes: from now on another one goes back. */
export function noteRollbackTold({ pgdata }: Target): void {
  const journal = readJournal(pgdata.odoDir);
  if (journal?.setAsideAt === undefined || journal.isRollbackTold) return;
  writeJournal(pgdata.odoDir, { ...journal, isRollbackTold: true });
}
