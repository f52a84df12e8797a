import { OdoError } from '../../errors.ts';
import { archivedWords, findArchived } from '../../formats/contract/archived.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { mapLimit } from '../../map-limit.ts';
import { parseSegmentName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { type ArchivedHistory, readHistories } from './read-histories.ts';

/** Consecutive segments of one timeline that the archive holds. */
export interface WalRun {
  timeline: number;
  /** Number of the first segment. */
  firstNumber: number;
  /** Number of the last segment, itself included. */
  lastNumber: number;
  storedBytes: number;
  /** When the first segment was archived: about the time of the last commit in it. */
  firstArchivedAt?: Date;
  /** When the last segment was archived. */
  lastArchivedAt?: Date;
}

/** The content of a WAL archive. In memory it takes room by its holes instead of its segments. */
export interface ArchivedWal {
  segmentSizeBytes: number;
  /** Runs of each timeline, in order. Between two runs of a timeline there is a hole. */
  runs: ReadonlyMap<number, readonly WalRun[]>;
  /** Histories by ascending timeline. */
  histories: readonly ArchivedHistory[];
  /** Words for what was passed over: histories that cannot be read, names that no segment of this size has. */
  problems: readonly string[];
}

const PARALLEL_LISTINGS = 8;
const PARALLEL_READS = 16;

/** Lists a whole WAL archive, in parallel, and reads its timeline histories. */
export async function surveyWal(
  store: ObjectStore,
  archive: WalArchive,
  segmentSizeBytes: number,
  signal?: AbortSignal,
): Promise<ArchivedWal> {
  const problems: string[] = [];
  const histories = await mapLimit(await archive.histories(signal), PARALLEL_READS, (file) =>
    readHistories(store, [file], signal).catch((error: unknown) => {
      if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
      problems.push(`${file.name} is passed over: ${error.message}`);
      return [];
    }),
  );
  const isArchived = askArchived(store, signal);
  const slices = await archive.slices(PARALLEL_LISTINGS, signal);
  const found = await mapLimit(slices, PARALLEL_LISTINGS, (slice) => toRuns(slice, segmentSizeBytes, isArchived));
  const runs = new Map<number, WalRun[]>();
  for (const run of found.flatMap((slice) => slice.runs)) {
    const ofTimeline = runs.get(run.timeline) ?? [];
    runs.set(run.timeline, ofTimeline);
    join(ofTimeline, run);
  }
  const misfits = found.flatMap((slice) => slice.misfits);
  if (misfits[0] !== undefined) {
    problems.push(
      `no segment of ${segmentSizeBytes} bytes is named ${misfits[0]}; ${misfits.length} of the kind are passed over`,
    );
  }
  const archived = archivedWords(
    store,
    found.flatMap((slice) => slice.archived),
  );
  if (archived) problems.push(`of the WAL, ${archived.reason}`);
  return { segmentSizeBytes, runs, histories: histories.flat(), problems };
}

/**
 * Asks for each segment in an archive storage class whether it was brought back. Once one was not, no other is asked
 * for.
 */
function askArchived(store: ObjectStore, signal?: AbortSignal): (file: WalFile) => Promise<boolean> {
  let isKnown = false;
  return async (file) => {
    if (file.archived === undefined) return false;
    isKnown ||= (await findArchived(store, [file], signal)).length > 0;
    return isKnown;
  };
}

interface Slice {
  runs: WalRun[];
  misfits: string[];
  /** Segments that cannot be read now. */
  archived: WalFile[];
}

async function toRuns(
  files: AsyncIterable<WalFile>,
  segmentSizeBytes: number,
  isArchived: (file: WalFile) => Promise<boolean>,
): Promise<Slice> {
  const runs: WalRun[] = [];
  const misfits: string[] = [];
  const archived: WalFile[] = [];
  for await (const file of files) {
    const { name, sizeBytes, archivedAt } = file;
    if (await isArchived(file)) {
      archived.push(file);
      continue;
    }
    const segment = parse(name, segmentSizeBytes);
    if (segment === undefined) {
      misfits.push(name);
      continue;
    }
    const { timeline, segmentNumber } = segment;
    const times = archivedAt === undefined ? {} : { firstArchivedAt: archivedAt, lastArchivedAt: archivedAt };
    join(runs, { timeline, firstNumber: segmentNumber, lastNumber: segmentNumber, storedBytes: sizeBytes, ...times });
  }
  return { runs, misfits, archived };
}

/** Appends a run, or lets the last run go on with it where they meet. */
function join(runs: WalRun[], next: WalRun): void {
  const last = runs.at(-1);
  if (last?.timeline !== next.timeline || last.lastNumber + 1 !== next.firstNumber) {
    runs.push(next);
    return;
  }
  last.lastNumber = next.lastNumber;
  last.storedBytes += next.storedBytes;
  if (next.lastArchivedAt !== undefined) last.lastArchivedAt = next.lastArchivedAt;
}

function parse(name: string, segmentSizeBytes: number): ReturnType<typeof parseSegmentName> | undefined {
  try {
    return parseSegmentName(name, segmentSizeBytes);
  } catch {
    return undefined;
  }
}
