import { OdoError } from '../../errors.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
import { type Place, previousDir } from '../../tree/places/place.ts';
import { refusedRestore } from './refused-restore.ts';

/**
 * Situations in the middle of an exchange, in which nothing may be removed: what was interrupted, and the command that
 * mends it.
 */
const INTERRUPTED: Partial<Record<Situation, readonly [what: string, hint: string]>> = {
  exchanging: [
    'an exchange',
    'odo rollback brings the old data back; the same restore command settles the exchange and starts over',
  ],
  'exchanging-alone': ['an exchange', 'the same restore command settles it'],
  'setting-aside': ['a rollback', 'odo rollback carries it through'],
};

/** Why a clean-up leaves a volume alone. */
export function refusedClean(pgdata: Place, situation: Situation): OdoError {
  if (situation === 'unexplained') return refusedRestore(pgdata, situation);
  const [what, mends] = INTERRUPTED[situation] ?? [];
  if (what !== undefined) {
    return new OdoError('unsafeTarget', `${what} on ${pgdata.root} was interrupted, so nothing is removed`, {
      hint: mends,
    });
  }
  const [old, hint] = situation.endsWith('-alone')
    ? ['what it needs for that is kept', 'see the recovery through, or run the restore again']
    : ['the old data may still be needed', 'see the recovery through, or go back with odo rollback'];
  return new OdoError(
    'unsafeTarget',
    `the server restored to ${pgdata.root} has not finished its recovery, so ${old}`,
    { hint },
  );
}

/** Why a clean-up keeps old content that may be all there is. */
export function refusedAsLast(pgdata: Place): OdoError {
  return new OdoError(
    'unsafeTarget',
    `there is no whole data directory in ${pgdata.root}, so what ${previousDir(pgdata)} holds is not deleted`,
    { hint: 'odo rollback puts that in place' },
  );
}
