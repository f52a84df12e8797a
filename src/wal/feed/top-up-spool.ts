import fs from 'node:fs';
import path from 'node:path';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { mapLimit } from '../../map-limit.ts';
import { isHistoryName, isSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { Room } from '../../tree/writing/room.ts';
import { spansFrom } from '../plan/follow-archive.ts';
import { filesToReplay } from '../plan/replay-files.ts';
import { readHistories } from '../timelines/read-histories.ts';
import { findStandbyPath, type StandbyPosition } from '../timelines/standby-path.ts';
import type { TimelineSpan } from '../timelines/timeline-path.ts';
import { type FetchTally, fetchWalFile, type WalSource } from './fetch-wal-file.ts';

/** How many segments are on their way at once. */
const IN_FLIGHT = 6;

const UNFINISHED = '.incoming';

export interface TopUpJob extends Omit<WalSource, 'roomOf'> {
  archive: WalArchive;
  /** The spool of a standby. Its restore_command copies what lies there, and answers that nothing else exists. */
  spool: string;
  position: Omit<StandbyPosition, 'knownTimelines'>;
  /** Histories that the server has by itself, such as from its primary. */
  ownHistories: readonly string[];
  /** How many bytes of WAL may wait ahead of the server; two segments at least. */
  spoolBytes: number;
  /** Room on the disk, which others write to as well. Where there is none, only the next segment is fetched. */
  room?: Room;
  tally: FetchTally;
  signal: AbortSignal;
}

/** The result of one pass: what was brought, and what was found. */
export interface TopUp {
  segments: number;
  /** The last segment that waits for the server. */
  lastSegment?: string;
  /** As much waits as may wait; the archive may hold more. */
  isFull: boolean;
  /** The segment that is missing although later ones are there. */
  hole?: string;
  /** See StandbyPath. */
  astray?: number;
}

/**
 * Brings the spool of a standby up to date, once. Removes what the server has behind it: the server keeps in pg_wal
 * what it may need again. Then fetches what the archive has for it. Histories come first, so that the server is not led
 * past the point at which a newer timeline begins.
 */
export async function topUpSpool(job: TopUpJob): Promise<TopUp> {
  const { archive, spool, signal } = job;
  const names = fs.readdirSync(spool);
  const knownTimelines = new Set([...names, ...job.ownHistories].filter(isHistoryName).map(timelineOfName));
  const position = { ...job.position, knownTimelines };
  const newer = (await archive.histories(signal)).filter(({ name }) => timelineOfName(name) > position.timeline);
  const way = findStandbyPath(position, await readHistories(job.store, newer, signal));
  const waiting = new Set(clearAway(spool, names, way));

  const { segmentSizeBytes } = position;
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const source: WalSource = { ...job, plan: { spans: way.spans, segmentSizeBytes } };
  const fetch = (file: WalFile) => {
    const target = path.join(spool, file.name);
    return fetchWalFile(source, file, target, job.tally, either, `${target}${UNFINISHED}`);
  };
  for (const file of newer) {
    if (way.histories.includes(timelineOfName(file.name)) && !names.includes(file.name)) await fetch(file);
  }
  const capacity = Math.max(2, Math.floor(job.spoolBytes / segmentSizeBytes));
  const { wanted, ...found } = await findWanted(job, spansFrom(way.spans, way.nextSegment), waiting, capacity);
  await mapLimit(wanted, IN_FLIGHT, fetch).catch((error: unknown) => {
    stop.abort(error);
    throw error;
  });
  return { segments: wanted.length, ...found, ...(way.astray === undefined ? {} : { astray: way.astray }) };
}

/** Removes segments that are behind the server, off its way, or not whole. Gives the segments that stay. */
function clearAway(
  spool: string,
  names: readonly string[],
  way: { spans: TimelineSpan[]; nextSegment: string },
): string[] {
  const stays = (name: string) => name >= way.nextSegment && isOn(way.spans, name);
  const segments = names.filter(isSegmentName);
  const removed = [...names.filter((name) => name.endsWith(UNFINISHED)), ...segments.filter((name) => !stays(name))];
  for (const name of removed) fs.rmSync(path.join(spool, name), { force: true });
  return segments.filter(stays);
}

function isOn(spans: readonly TimelineSpan[], segment: string): boolean {
  const span = spans.find(({ timeline }) => timeline === timelineOfName(segment));
  return span !== undefined && (span.lastSegment === undefined || segment <= span.lastSegment);
}

/** The archive's segments for the server, in their order, as far as there is room beside those that wait already. */
async function findWanted(
  { archive, position, room, signal }: TopUpJob,
  spans: TimelineSpan[],
  waiting: ReadonlySet<string>,
  capacity: number,
): Promise<{ wanted: WalFile[] } & Pick<TopUp, 'isFull' | 'lastSegment' | 'hole'>> {
  const wanted: WalFile[] = [];
  let last = [...waiting].sort().at(-1);
  const told = () => (last === undefined ? {} : { lastSegment: last });
  const fitsOnDisk = () => room?.fits((wanted.length + 1) * position.segmentSizeBytes) ?? true;
  const held = () => waiting.size + wanted.length;
  const isFull = () => held() >= capacity || (held() > 0 && !fitsOnDisk());
  // Asking the archive would be in vain.
  if (isFull()) return { wanted, isFull: true, ...told() };
  for await (const step of filesToReplay(archive, spans, position.segmentSizeBytes, signal)) {
    if (step.kind === 'hole') return { wanted, isFull: false, hole: step.missing, ...told() };
    if (waiting.has(step.file.name)) continue;
    if (isFull()) return { wanted, isFull: true, ...told() };
    wanted.push(step.file);
    if (last === undefined || step.file.name > last) last = step.file.name;
  }
  return { wanted, isFull: false, ...told() };
}
