import { asOdoError, OdoError } from '../errors.ts';
import type { Journal } from '../target/journal.ts';
import { type Place, previousDir } from '../target/place.ts';
import type { Situation } from '../target/situation.ts';
import type { Engine, Target } from './engine.ts';
import { judgeOldData, judgeSetAside, type OnlyCopy, unreadCopy } from './judge-old-data.ts';
import type { Accounted } from './survey-old-data.ts';

/** Whether a restored server is out of recovery, and what was there before lies in `previous`. */
export function isOldDataKept(situation: Situation): boolean {
  return situation === 'used' || situation === 'promoted';
}

/**
 * What is asked of content that is to go. own: what old data of the backup's own cluster has beyond the archive · whose: whether it is of another
 * cluster · all: both · aside: what was committed on a restored server that a rollback has set aside.
 */
export type AskedOfOld = 'all' | 'own' | 'whose' | 'aside';

/**
 * Who restores to a moment, or says --accept-loss, has said what is to be left out, but of that very cluster only. undefined: nothing is to be asked
 * any more.
 */
export function askOfOld(given: { isOwnLeftOut: boolean; allowDifferentCluster: boolean }): AskedOfOld | undefined {
  if (given.isOwnLeftOut) return given.allowDifferentCluster ? undefined : 'whose';
  return given.allowDifferentCluster ? 'own' : 'all';
}

/**
 * What nobody has looked at yet, as to whether it is the only copy of anything: the run was broken off before its end, somebody has promoted the
 * server, or a rollback has exchanged the two.
 */
export function unjudgedOf(situation: Situation, journal: Journal | undefined): AskedOfOld | undefined {
  if (situation === 'set-aside') return 'aside';
  if (!journal || !isOldDataKept(situation) || journal.isOldDataJudged) return undefined;
  const { awaitsPromotion: awaited, allowDifferentCluster = false } = journal;
  const isOwnLeftOut = awaited !== undefined && (awaited.acceptLoss === true || awaited.isStandby !== true);
  return askOfOld({ isOwnLeftOut, allowDifferentCluster });
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
  const how = { ...(asked === 'whose' ? { whoseOnly: true } : {}), ...(asked === 'aside' ? { isSetAside: true } : {}) };
  try {
    const survey = await engine.surveyOld(target, { accounted, isReplaced: true, ...how });
    if (asked === 'aside') return survey && judgeSetAside(survey);
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
