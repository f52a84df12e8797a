import { asOdoError, OdoError } from '../errors.ts';
import type { Journal } from '../target/journal.ts';
import { type Place, previousDir } from '../target/place.ts';
import type { Situation } from '../target/situation.ts';
import type { Engine, Target } from './engine.ts';
import { judgeOldData, type OnlyCopy, unreadCopy } from './judge-old-data.ts';

/** Whether a restored server is out of recovery, and what was there before lies in `previous`. */
export function isOldDataKept(situation: Situation): boolean {
  return situation === 'used' || situation === 'promoted';
}

/**
 * Whether nobody has looked yet whether that is the only copy of anything: the run was broken off before its end, or somebody else has promoted a
 * standby. Who restores to a moment has said what is to be left out.
 */
export function isOldDataUnjudged(situation: Situation, journal: Journal | undefined): boolean {
  if (!journal || !isOldDataKept(situation) || journal.isOldDataJudged) return false;
  const { awaitsPromotion } = journal;
  return !awaitsPromotion || (awaitsPromotion.isStandby === true && !awaitsPromotion.acceptLoss);
}

/** Why the old data must not go although the restored server is up, by what that one has. What cannot be looked at is not deleted. */
export async function findOnlyCopy(
  engine: Pick<Engine, 'surveyOld'>,
  target: Target,
  accounted: { timeline: number; lsn: string }[],
): Promise<OnlyCopy | undefined> {
  try {
    const survey = await engine.surveyOld(target, { accounted, isReplaced: true });
    return judgeOldData(survey, survey?.systemIdentifier).onlyCopy;
  } catch (error) {
    return unreadCopy(asOdoError(error));
  }
}

/** Of a clean-up: `unsafeTarget`, with the way out. */
export function refusedLoss(pgdata: Place, because: string): OdoError {
  return new OdoError('unsafeTarget', `${previousDir(pgdata)} is the only copy of something: ${because}`, {
    hint: 'odo rollback goes back to it; --accept-loss removes it for good',
  });
}
