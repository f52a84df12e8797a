import { isSamePath } from '../../cluster/ancestry.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import { spellMoment } from '../../postgres/configuration/target-time.ts';
import {
  formatLsn,
  historyName,
  nextSegmentName,
  parseLsn,
  parseSegmentName,
  timelineOfName,
} from '../../postgres/terms/wal-names.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { hasGoneAnotherWay } from '../../wal/archive/gone-another-way.ts';
import type { WalBeyond } from '../../wal/archive/read-beyond.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import { archivedPath } from '../../wal/timelines/archived-path.ts';
import type { Engine } from '../contract/engine.ts';
import type { Accounted, OldDataQuestion, OldDataSurvey } from '../contract/old-data-survey.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { Finding } from '../contract/proofs.ts';
import type { RestoreRequest } from '../contract/request.ts';
import {
  divergedCopy,
  judgeOldData,
  type OldDataJudgement,
  type OnlyCopy,
  unreadCopy,
} from '../volume/judge-old-data.ts';
import { archivedEnds } from './archived-ends.ts';
import { mayHaveSalvage } from './may-have-salvage.ts';
import { PATIENCE_MS, type RestoreSource } from './prove-repository.ts';

type ArchivedWal = Extract<WalPlan, { source: 'archive' }>;
type Wish = Pick<
  RestoreRequest,
  'store' | 'moment' | 'wipe' | 'allowDifferentCluster' | 'acceptLoss' | 'salvage' | 'standby'
>;

/** Where the old data is, and what is restored in its place. */
export interface OldDataLook {
  engine: Pick<Engine, 'surveyOld'>;
  places: ClusterPlaces;
  source: RestoreSource;
  /** A server runs on the old data. What it has not archived yet, it may archive when it stops. */
  isInUse: boolean;
  signal: AbortSignal;
}

/**
 * Tells whether the old data has anything that neither an archive nor the backup has.
 * Errors: `unsafeTarget` when --wipe would delete the only copy of something.
 */
export async function proveOldData(look: OldDataLook, wish: Wish): Promise<Finding<OldDataJudgement>> {
  const { isInUse } = look;
  const hasArchive = look.source.wal.source === 'archive';
  const value = await judgeNow(look, wish);
  const { onlyCopy, salvage } = value;
  if (salvage) return { evidence: salvageWords(salvage, isInUse), value };
  if (onlyCopy?.isOfAnother && wish.allowDifferentCluster)
    return {
      state: 'warning',
      evidence: `${onlyCopy.because}; it goes all the same (--allow-different-cluster)`,
      value: {},
    };
  if (!onlyCopy) return { evidence: `it has nothing that the ${hasArchive ? 'archive' : 'backup'} lacks`, value };
  if (isInUse && hasArchive && !onlyCopy.isOfAnother) {
    const then = wish.wipe && !wish.acceptLoss ? 'refuses --wipe' : 'is looked at again';
    return {
      state: 'warning',
      evidence: `${onlyCopy.because}; what of it is not archived when the server has stopped ${then}`,
      value,
    };
  }
  if (wish.acceptLoss && !onlyCopy.isOfAnother)
    return { state: 'warning', evidence: `${onlyCopy.because}; it goes all the same (--accept-loss)`, value };
  // Whether --wipe may delete another cluster, proveCluster() says.
  if (wish.wipe && onlyCopy.isOfAnother) return { state: 'warning', evidence: onlyCopy.because, value };
  if (wish.wipe) throw refusedWipe(onlyCopy);
  return { state: 'warning', evidence: `${onlyCopy.because}; so it is kept`, value };
}

/**
 * Demands, when the server has been stopped, that --wipe deletes nothing that no archive has.
 * Errors: `unsafeTarget`.
 * @param salvage what was set aside
 */
export async function demandWipeLosesNothing(
  look: OldDataLook,
  wish: Wish,
  salvage: Salvage | undefined,
): Promise<void> {
  if (!wish.wipe || wish.acceptLoss) return;
  const { onlyCopy } = await judgeNow(look, { ...wish, salvage: false }, salvage);
  if (onlyCopy && !(onlyCopy.isOfAnother && wish.allowDifferentCluster)) throw refusedWipe(onlyCopy);
}

/**
 * Finds, when the server has been stopped, what a restore leaves out of the backup's own cluster and nothing else has.
 * A restore to the end of an archive leaves nothing out: what its server has replayed tells in the end. What cannot be
 * found out counts as the only copy.
 */
export async function findLeftOut(look: OldDataLook, wish: Wish): Promise<OnlyCopy | undefined> {
  const leavesOut = wish.moment !== undefined || look.source.wal.source === 'included';
  if (!leavesOut || wish.wipe || wish.acceptLoss) return undefined;
  try {
    const { onlyCopy } = await judgeNow(look, { ...wish, salvage: false });
    return onlyCopy?.isOfAnother ? undefined : onlyCopy;
  } catch (thrown) {
    const error = asOdoError(thrown, look.signal);
    if (error.code === 'cancelled') throw error;
    return { because: `what the archive has of it could not be found out: ${error.message}` };
  }
}

/** Looks at the old data. When it cannot be looked at, gives the error instead of throwing it. */
async function lookAtOld(
  { engine, places, signal }: Pick<OldDataLook, 'engine' | 'places' | 'signal'>,
  question: OldDataQuestion,
): Promise<OldDataSurvey | OdoError | undefined> {
  return engine.surveyOld(places, question).catch((thrown: unknown) => {
    const error = asOdoError(thrown, signal);
    if (error.code === 'cancelled') throw error;
    return error;
  });
}

async function judgeNow(look: OldDataLook, wish: Wish, taken?: Salvage): Promise<OldDataJudgement> {
  const { engine, places, source, signal } = look;
  const { wal } = source;
  if (wal.source === 'included') return judgeBesideBackup(look, wish);
  const { store } = openStore({
    ...wish.store,
    retryForMs: Math.min(wish.store.retryForMs ?? PATIENCE_MS, PATIENCE_MS),
  });
  try {
    const archive = await openWalArchive(store, source.repository.ref);
    const accounted = archive && wish.moment ? await archivedEnds(store, archive, source.backup, signal) : [];
    const last = archive ? await lastSegmentNow(archive, wal.endSegment, wal.segmentSizeBytes, signal) : wal.endSegment;
    accounted.push(...accountedBefore(wal, last));
    if (taken) accounted.push({ timeline: timelineOfName(taken.lastSegment), lsn: taken.endLsn });
    const survey = await lookAtOld({ engine, places, signal }, { accounted, isReplaced: false });
    // Whose data it is cannot be told either: proveCluster() asks for a word on that.
    if (survey instanceof OdoError)
      return wish.wipe && wish.allowDifferentCluster ? {} : { onlyCopy: unreadCopy(survey) };
    const isOfIt = survey?.systemIdentifier === source.backup.systemIdentifier;
    const differs = archive && survey && isOfIt ? await differingFile(store, archive, survey, signal) : undefined;
    if (differs !== undefined) return { onlyCopy: divergedCopy(differs) };
    const judged = judgeOldData(survey, source.backup.systemIdentifier);
    return mayHaveSalvage(wish, source) && isOfIt && survey && isSalvageable(wal, survey) && judged.onlyCopy
      ? { salvage: survey.beyond }
      : judged;
  } finally {
    store.close();
  }
}

/** Judges old data beside a backup that brings its own WAL: nothing else has what was committed behind its end. */
async function judgeBesideBackup(look: OldDataLook, wish: Wish): Promise<OldDataJudgement> {
  const { timeline, endLsn, systemIdentifier } = look.source.backup;
  const accounted = timeline === undefined || endLsn === undefined ? [] : [{ timeline, lsn: endLsn }];
  const survey = await lookAtOld(look, { accounted, isReplaced: false });
  if (survey instanceof OdoError)
    return wish.wipe && wish.allowDifferentCluster ? {} : { onlyCopy: unreadCopy(survey) };
  return judgeOldData(survey, systemIdentifier, 'backup');
}

/** Names a file of the archive that differs from the old data's of the same name: the two have gone different ways. */
async function differingFile(
  store: ObjectStore,
  archive: WalArchive,
  { common, path, timeline }: OldDataSurvey,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (common && (await hasGoneAnotherWay(store, archive, common, signal))) return common.name;
  const archived = path && (await archivedPath(store, archive, timeline, signal));
  const toThere = archived?.map((left) => ({ timeline: left.timeline, lsn: left.switchLsn }));
  return path && toThere && !isSamePath(path, toThere) ? historyName(timeline) : undefined;
}

/** The plan with the old data's further segments added, since they need room as well. */
export function withRoomForSalvage(wal: WalPlan, salvage: WalBeyond | undefined): WalPlan {
  if (wal.source === 'included' || !salvage) return wal;
  const end = parseSegmentName(wal.endSegment, wal.segmentSizeBytes).segmentNumber + 1;
  const last = Number((parseLsn(salvage.endLsn) + BigInt(wal.segmentSizeBytes - 1)) / BigInt(wal.segmentSizeBytes));
  return { ...wal, segments: wal.segments + Math.max(0, last - end) };
}

/** The last segment of the archive by now, up to the first hole. */
async function lastSegmentNow(
  archive: WalArchive,
  from: string,
  segmentSizeBytes: number,
  signal: AbortSignal,
): Promise<string> {
  let last = from;
  for await (const { name } of archive.segments(timelineOfName(from), from, signal)) {
    if (name === nextSegmentName(last, segmentSizeBytes)) last = name;
    else if (name > last) break;
  }
  return last;
}

/** What is accounted for before the restore. When a timeline is left within a segment, that segment counts whole. */
function accountedBefore(wal: ArchivedWal, lastSegment: string): Accounted[] {
  const spans = wal.spans.flatMap(({ lastSegment: left }) => (left === undefined ? [] : [left]));
  const known = wal.histories.map((name) => ({ timeline: timelineOfName(name), lsn: '0/0' }));
  return [...[...spans, lastSegment].map((name) => endOf(name, wal)), ...besides(wal), ...known];
}

/** What is accounted for after the restore. The server's own history tells more. */
export function accountedAfter(wal: ArchivedWal): Accounted[] {
  return [endOf(wal.endSegment, wal), ...besides(wal)];
}

function besides(wal: ArchivedWal): Accounted[] {
  const { otherEnds = [], unplaced = [] } = wal;
  return [...otherEnds, ...unplaced].map(({ lastSegment }) => endOf(lastSegment, wal));
}

function endOf(segment: string, { segmentSizeBytes }: ArchivedWal): Accounted {
  const { timeline, segmentNumber } = parseSegmentName(segment, segmentSizeBytes);
  return { timeline, lsn: formatLsn(BigInt(segmentNumber + 1) * BigInt(segmentSizeBytes)) };
}

/**
 * Whether the old data seems to go on where the way of the restore ends. Whether it really does, its WAL shows when it
 * is taken.
 */
function isSalvageable(wal: ArchivedWal, { timeline, beyond }: OldDataSurvey): boolean {
  const isTheWay = timeline === timelineOfName(wal.endSegment) && wal.spans.at(-1)?.lastSegment === undefined;
  return isTheWay && beyond !== undefined && beyond.commits + beyond.prepared > 0;
}

function salvageWords({ commits, lastCommitTime, endLsn }: WalBeyond, isInUse: boolean): string {
  const last = lastCommitTime === undefined ? '' : `, the last of ${spellMoment(lastCommitTime)}`;
  const soFar = isInUse ? ' by now, as long as the server runs' : '';
  return (
    `its WAL goes on to ${endLsn}, behind the end of the archive: ${commits} commits${last}${soFar}; what the ` +
    'archive lacks when the server is stopped is replayed as well (--no-salvage leaves it out)'
  );
}

function refusedWipe({ because }: OnlyCopy): OdoError {
  return new OdoError('unsafeTarget', `${because}, and --wipe would delete it`, {
    hint:
      'leave --wipe out, so that the old data is kept; see that the rest of its WAL is archived; or give it up ' +
      'with --accept-loss',
  });
}
