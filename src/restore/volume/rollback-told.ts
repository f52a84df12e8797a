import { readJournal, writeJournal } from '../../tree/exchange/journal.ts';
import type { ClusterPlaces } from '../contract/places.ts';

// A rollback exchanges the two contents, starts the service, and sees whether it answers. When it dies on the way, its
// user gives it again, and a second exchange would undo the first. So the journal says whether somebody was told of its
// end.

/** Notes that somebody was told of the last rollback's end. From now on another rollback goes back. */
export function noteRollbackTold({ pgdata }: ClusterPlaces): void {
  const journal = readJournal(pgdata.odoDir);
  if (journal?.setAsideAt === undefined || journal.isRollbackTold) return;
  writeJournal(pgdata.odoDir, { ...journal, isRollbackTold: true });
}
