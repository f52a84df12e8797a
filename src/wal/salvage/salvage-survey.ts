import path from 'node:path';
import { cancelled } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { formatMicros } from '../../postgres/terms/timestamp.ts';
import {
  formatLsn,
  nextSegmentName,
  parseSegmentName,
  segmentBeforeLsn,
  segmentsBetween,
  timelineOfName,
} from '../../postgres/terms/wal-names.ts';
import type { WalMark } from '../../postgres/wal/wal-marks.ts';
import { readWalPageHeader } from '../../postgres/wal/wal-page.ts';
import { createRecordWalker, type RecordWalker } from '../../postgres/wal/wal-records.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { inPieces } from '../archive/in-pieces.ts';
import { fastCrc32c, openSegment, PIECE_BYTES, piecesOf } from '../archive/pg-wal-files.ts';
import { streamWalFile } from '../archive/read-wal-file.ts';
import type { WalPlan } from '../plan/wal-plan.ts';

/** WAL that only an old data directory has: it goes on where the archive ends. Plain JSON. */
export interface Salvage {
  firstSegment: string;
  /** The segment in which the last record ends. As a rule, only its beginning is written. */
  lastSegment: string;
  segments: number;
  /** Where the last whole record begins. */
  lastLsn: string;
  /** The position behind the last whole record. */
  endLsn: string;
  commits: number;
  /** Transactions that are prepared for a commit of two phases. */
  prepared: number;
  /** Time of the last commit (ISO 8601). */
  lastCommitTime?: string;
}

/** The WAL that the pg_wal of an old data directory holds beyond an archive. */
export interface SalvageSurvey {
  /** The archive's last segment on the timeline. */
  archiveEnd: string;
  /** The position behind the archive's last segment. */
  archiveEndLsn: string;
  salvage?: Salvage;
  /** The first mark that was looked for. */
  stop?: { lsn: string; time: string };
  /** Why the WAL goes no farther, or why nothing of it can be used. */
  because: string;
}

export interface SalvageQuery {
  store: ObjectStore;
  archive: WalArchive;
  plan: Extract<WalPlan, { source: 'archive' }>;
  /** System identifier of the old data. The archive's last segment has to be of that cluster, too. */
  systemIdentifier: string;
  /** The old pg_wal. */
  directory: string;
  find?: ((mark: WalMark) => boolean) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Looks at the WAL that a pg_wal holds behind the end of the archive. The walk begins with the archive's last segment,
 * so the WAL is proven to go on from there, record by record. If pg_wal has that segment as well, it has to be the
 * same. Nothing is changed.
 */
export async function surveySalvage(query: SalvageQuery): Promise<SalvageSurvey> {
  const { plan, directory, signal } = query;
  const { segmentSizeBytes } = plan;
  const last = await lastOf(query);
  const archiveEnd = last.name;
  const endNumber = parseSegmentName(archiveEnd, segmentSizeBytes).segmentNumber + 1;
  const endLsn = BigInt(endNumber) * BigInt(segmentSizeBytes);
  const survey = { archiveEnd, archiveEndLsn: formatLsn(endLsn) };
  const counted = { isOurs: false, commits: 0, prepared: 0, lastMicros: undefined as bigint | undefined };
  let stop: WalMark | undefined;
  const passing = {
    mark(mark: WalMark) {
      if (!counted.isOurs) return;
      if (mark.kind === 'commit') {
        counted.commits += 1;
        counted.lastMicros = mark.micros;
      }
      if (!stop && query.find?.(mark)) stop = mark;
    },
    prepared() {
      if (counted.isOurs) counted.prepared += 1;
    },
  };

  const begun = await walkArchived(query, last, passing);
  if ('because' in begun) return { ...survey, because: begun.because };
  const { walker } = begun;
  counted.isOurs = true;
  let name = nextSegmentName(archiveEnd, segmentSizeBytes);
  let because: string | undefined;
  for (;;) {
    if (signal?.aborted) throw cancelled(signal.reason);
    const file = await openSegment(path.join(directory, name), segmentSizeBytes);
    if (file === undefined) {
      because = `its pg_wal has no ${name}`;
      break;
    }
    try {
      for await (const piece of piecesOf(file, segmentSizeBytes)) if (!walker.feed(piece)) break;
    } finally {
      await file.close();
    }
    if (walker.end !== undefined) break;
    name = nextSegmentName(name, segmentSizeBytes);
  }
  because = walker.end ?? because ?? '';
  const { lastLsn, endLsn: reached } = walker;
  if (lastLsn === undefined || reached === undefined || reached <= endLsn) return { ...survey, because };
  const timeline = timelineOfName(archiveEnd);
  const firstSegment = nextSegmentName(archiveEnd, segmentSizeBytes);
  const lastSegment = segmentBeforeLsn(reached, timeline, segmentSizeBytes);
  return {
    ...survey,
    salvage: {
      firstSegment,
      lastSegment,
      segments: [...segmentsBetween(firstSegment, lastSegment, segmentSizeBytes)].length,
      lastLsn: formatLsn(lastLsn),
      endLsn: formatLsn(reached),
      commits: counted.commits,
      prepared: counted.prepared,
      ...(counted.lastMicros === undefined ? {} : { lastCommitTime: formatMicros(counted.lastMicros) }),
    },
    ...(stop ? { stop: { lsn: formatLsn(stop.lsn), time: formatMicros(stop.micros) } } : {}),
    because,
  };
}

/** The archive's last segment by now, on the timeline on which the plan ends. */
async function lastOf({ archive, plan, signal }: SalvageQuery): Promise<WalFile> {
  const { endSegment, segmentSizeBytes } = plan;
  let last: WalFile | undefined;
  for await (const file of archive.segments(timelineOfName(endSegment), endSegment, signal)) {
    if (last && file.name !== nextSegmentName(last.name, segmentSizeBytes)) break;
    if (!last && file.name !== endSegment) break;
    last = file;
  }
  // The segment was there when the plan was made. Reading it tells that it is gone.
  return last ?? { name: endSegment, key: endSegment, sizeBytes: segmentSizeBytes, layers: [] };
}

/**
 * Walks through the archive's last segment, and holds it against the one of that name in pg_wal, where there is one.
 */
async function walkArchived(
  { store, plan, directory, systemIdentifier, signal }: SalvageQuery,
  file: WalFile,
  passing: Parameters<typeof createRecordWalker>[1],
): Promise<{ walker: RecordWalker } | { because: string }> {
  const { segmentSizeBytes } = plan;
  const own = await openSegment(path.join(directory, file.name), segmentSizeBytes);
  let walker: RecordWalker | undefined;
  let at = 0;
  let differsAt: number | undefined;
  try {
    for await (const piece of inPieces(streamWalFile(store, file, { signal }), PIECE_BYTES)) {
      if (!walker) {
        const header = readWalPageHeader(piece);
        if (!header) return { because: `the archive's ${file.name} does not begin like a WAL segment` };
        if (header.systemIdentifier !== systemIdentifier)
          return { because: `the archive's ${file.name} is of another cluster` };
        const { postgresMajor } = header;
        const timeline = timelineOfName(file.name);
        walker = createRecordWalker(
          { postgresMajor, systemIdentifier, segmentSizeBytes, timeline },
          passing,
          fastCrc32c,
        );
      }
      if (own && differsAt === undefined) {
        const { buffer } = await own.read(Buffer.alloc(piece.length), 0, piece.length, at);
        if (!buffer.equals(piece)) differsAt = at + firstDifference(buffer, piece);
      }
      at += piece.length;
      if (!walker.feed(piece)) break;
    }
  } finally {
    await own?.close();
  }
  if (walker?.end !== undefined)
    return { because: `the archive's ${file.name} does not lead on from its end: ${walker.end}` };
  if (!walker || at !== segmentSizeBytes) return { because: `the archive's ${file.name} is not whole` };
  // Bytes behind a switch to the next segment do not count.
  const endLsn = BigInt(parseSegmentName(file.name, segmentSizeBytes).segmentNumber + 1) * BigInt(segmentSizeBytes);
  const counts =
    walker.endLsn === endLsn && walker.lastLsn !== undefined
      ? Number(walker.lastLsn % BigInt(segmentSizeBytes)) + 24
      : at;
  if (differsAt !== undefined && differsAt < counts) {
    return { because: `its ${file.name} is not the same as the archive's: it has gone another way` };
  }
  return { walker };
}

function firstDifference(one: Buffer, other: Buffer): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}
