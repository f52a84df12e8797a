import { asOdoError, OdoError } from '../../errors.ts';
import type { Journal } from '../../tree/exchange/journal.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
import { type Place, previousDir } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { Accounted } from '../contract/old-data-survey.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { AskedOfOld } from '../contract/volume-status.ts';
import { judgeOldData, judgeSetAside, type OnlyCopy, unreadCopy } from './judge-old-data.ts';

/** Whether a restored server is out of recovery, and what was there before lies in `previous`. */
export function isOldDataKept(situation: Situation): boolean {
  return situation === 'used' || situation === 'promoted';
}

/**
 * Decides what is to be asked of the old data. What a restore to a moment leaves out was judged before its exchange,
 * and --accept-loss gives it up, but only of data of that very cluster. Gives undefined when nothing is to be asked any
 * more.
 */
export function askOfOld(given: { isOwnLeftOut: boolean; allowDifferentCluster: boolean }): AskedOfOld | undefined {
  if (given.isOwnLeftOut) return given.allowDifferentCluster ? undefined : 'whose';
  return given.allowDifferentCluster ? 'own' : 'all';
}

/**
 * What is still to be asked of content that nobody has judged yet: after a run that was broken off before its end, a
 * promotion by somebody else, or a rollback. Gives undefined when there is nothing to ask.
 */
export function unjudgedOf(situation: Situation, journal: Journal | undefined): AskedOfOld | undefined {
  if (situation === 'set-aside') return 'aside';
  if (!journal || !isOldDataKept(situation) || journal.isOldDataJudged) return undefined;
  const { awaitsPromotion: awaited, allowDifferentCluster = false } = journal;
  const isOwnLeftOut = awaited !== undefined && (awaited.acceptLoss === true || awaited.isStandby !== true);
  return askOfOld({ isOwnLeftOut, allowDifferentCluster });
}

/**
 * Finds why the old data must not go although the restored server is up, compared with what that server has. Old data
 * that cannot be looked at is kept.
 * @param accounted as in surveyOldData()
 */
export async function findOnlyCopy(
  engine: Pick<Engine, 'surveyOld'>,
  places: ClusterPlaces,
  asked: AskedOfOld | undefined,
  accounted: Accounted[] = [],
): Promise<OnlyCopy | undefined> {
  if (asked === undefined) return undefined;
  const how = { ...(asked === 'whose' ? { whoseOnly: true } : {}), ...(asked === 'aside' ? { isSetAside: true } : {}) };
  try {
    const survey = await engine.surveyOld(places, { accounted, isReplaced: true, ...how });
    if (asked === 'aside') return survey && judgeSetAside(survey);
    const isOfAnother = survey?.isOfAnother === true;
    if (asked === (isOfAnother ? 'own' : 'whose')) return undefined;
    return judgeOldData(survey, survey?.systemIdentifier).onlyCopy;
  } catch (error) {
    return unreadCopy(asOdoError(error));
  }
}

/** The error of a clean-up that would delete an only copy: `unsafeTarget`, with the way out. */
export function refusedLoss(pgdata: Place, because: string): OdoError {
  return new OdoError('unsafeTarget', `${previousDir(pgdata)} is the only copy of something: ${because}`, {
    hint: 'odo rollback goes back to it; --accept-loss removes it for good',
  });
}
