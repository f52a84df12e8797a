import { asOdoError, OdoError } from '../errors.ts';
import type { AwaitedPromotion, Journal } from '../target/journal.ts';
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
 * What of old data is asked, before it goes. own: what that of the backup's own cluster has beyond the archive · whose: whether it is of another
 * cluster · all: both.
 */
export type AskedOfOld = 'all' | 'own' | 'whose';

/** Who restores to a moment has said what is to be left out, but of that very cluster only. undefined: nothing is to be asked any more. */
export function askOfOld(given: { isOwnLeftOut: boolean; allowDifferentCluster: boolean }): AskedOfOld | undefined {
  if (given.isOwnLeftOut) return given.allowDifferentCluster ? undefined : 'whose';
  return given.allowDifferentCluster ? 'own' : 'all';
}

/** The same, of a restore that waits, or was broken off before its end. */
export function leftToAsk(awaited: AwaitedPromotion | undefined): AskedOfOld | undefined {
  if (awaited?.acceptLoss) return undefined;
  const isOwnLeftOut = awaited !== undefined && awaited.isStandby !== true;
  return askOfOld({ isOwnLeftOut, allowDifferentCluster: awaited?.allowDifferentCluster === true });
}

/**
 * What nobody has looked at yet, as to whether it is the only copy of anything: the run was broken off before its end, or somebody else has
 * promoted the server.
 */
export function unjudgedOf(situation: Situation, journal: Journal | undefined): AskedOfOld | undefined {
  if (!journal || !isOldDataKept(situation) || journal.isOldDataJudged) return undefined;
  return leftToAsk(journal.awaitsPromotion);
}

/**
 * Why the old data must not go although the restored server is up, by what that one has. What cannot be looked at is not deleted.
 * @param accounted as of surveyOldData()
 */
export async function findOnlyCopy(
  engine: Pick<Engine, 'surveyOld'>,
  target: Target,
  asked: AskedOfOld | undefined,
  accounted: Accounted[] = [],
): Promise<OnlyCopy | undefined> {
  if (asked === undefined) return undefined;
  const whose = asked === 'whose' ? { whoseOnly: true } : {};
  try {
    const survey = await engine.surveyOld(target, { accounted, isReplaced: true, ...whose });
    const isOfAnother = survey?.isOfAnother === true;
    if (asked === (isOfAnother ? 'own' : 'whose')) return undefined;
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
