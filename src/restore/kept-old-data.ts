import { asOdoError, OdoError } from '../errors.ts';
import type { Journal } from '../target/journal.ts';
import { type Place, previousDir } from '../target/place.ts';
import type { Situation } from '../target/situation.ts';
import type { Engine, Target } from './engine.ts';
import { judgeOldData, type OnlyCopy, unreadCopy } from './judge-old-data.ts';
import type { Accounted } from './survey-old-data.ts';

/** Whether a restored server is out of recovery, and what was there before lies in `previous`. */
export function isOldDataKept(situation: Situation): boolean {
  return situation === 'used' || situation === 'promoted';
}

/**
 * What of it nobody has looked at yet, as to whether it is the only copy of anything: the run was broken off before its end, or somebody else has
 * promoted the server. Who restores to a moment has said what is to be left out, but of that very cluster only.
 */
export function unjudgedOf(situation: Situation, journal: Journal | undefined): 'all' | 'whose' | undefined {
  if (!journal || !isOldDataKept(situation) || journal.isOldDataJudged) return undefined;
  const { awaitsPromotion } = journal;
  if (awaitsPromotion?.acceptLoss) return undefined;
  return !awaitsPromotion || awaitsPromotion.isStandby ? 'all' : 'whose';
}

/**
 * Why the old data must not go although the restored server is up, by what that one has. What cannot be looked at is not deleted.
 * @param question whoseOnly: only whether it is of another cluster
 */
export async function findOnlyCopy(
  engine: Pick<Engine, 'surveyOld'>,
  target: Target,
  question: { accounted: Accounted[] } | { whoseOnly: true },
): Promise<OnlyCopy | undefined> {
  try {
    const survey = await engine.surveyOld(target, { accounted: [], ...question, isReplaced: true });
    if ('whoseOnly' in question && !survey?.isOfAnother) return undefined;
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
