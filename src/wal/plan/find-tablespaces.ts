import { asOdoError } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { formatSegmentName, parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { type CreatedTablespace, createTablespaceFinder } from '../../postgres/wal/tablespace-records.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readSegment } from '../archive/read-segment.ts';
import { filesToReplay } from './replay-files.ts';
import type { WalPlan } from './wal-plan.ts';

/** The tablespaces that WAL creates, as far as it was looked through. */
export interface TablespacesInWal {
  created: CreatedTablespace[];
  /** How many segments were looked through. */
  lookedThrough: number;
  /** How many segments there are. */
  segments: number;
  /** Why no more segments were looked through. */
  because?: string;
}

/** Segments that are fetched at once, and so held in memory. */
const AHEAD = 4;

/**
 * Looks through the WAL that a plan replays for tablespaces that it creates.
 * @param from everything before this position is known by other means
 * @param mostSegments so many are looked through: all of them are fetched a second time for the restore itself
 */
export async function findTablespacesInWal(
  store: ObjectStore,
  archive: WalArchive,
  plan: Extract<WalPlan, { source: 'archive' }>,
  options: {
    from?: { timeline: number; lsn: string } | undefined;
    mostSegments: number;
    systemIdentifier?: string | undefined;
    signal?: AbortSignal;
  },
): Promise<TablespacesInWal> {
  const { from, mostSegments, systemIdentifier, signal } = options;
  const { segmentSizeBytes } = plan;
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const spans = from ? spansFrom(plan.spans, from, segmentSizeBytes) : plan.spans;
  const files: WalFile[] = [];
  let segments = 0;
  for await (const step of filesToReplay(archive, spans, segmentSizeBytes, signal)) {
    if (step.kind === 'hole' || numberOf(step.file.name) > numberOf(plan.endSegment)) break;
    segments += 1;
    if (files.length < mostSegments) files.push(step.file);
  }

  const finder = createTablespaceFinder();
  const created: CreatedTablespace[] = [];
  const ahead = new Map<number, Promise<Buffer>>();
  const request = (index: number): Promise<Buffer> => {
    const file = files[index] as WalFile;
    const bytes =
      ahead.get(index) ?? readSegment(store, file, segmentSizeBytes, { signal, systemIdentifier, untilZeros: true });
    // A failure is met when the turn of its segment comes.
    bytes.catch(() => undefined);
    ahead.set(index, bytes);
    return bytes;
  };
  for (const index of files.keys()) {
    try {
      for (let next = index; next < Math.min(index + AHEAD, files.length); next++) request(next);
      for (const { oid, location } of finder.feed(await request(index))) created.push({ oid, location });
    } catch (thrown) {
      const error = asOdoError(thrown, signal);
      // The fault of a segment is told when it is fetched to be replayed.
      if (error.code === 'cancelled' || error.code === 'bug') throw error;
      return { created, lookedThrough: index, segments, because: error.message };
    }
    ahead.delete(index);
  }
  return { created, lookedThrough: files.length, segments };
}

/** The spans from the segment with a position on; all spans when the position's timeline is not among them. */
function spansFrom(
  spans: Extract<WalPlan, { source: 'archive' }>['spans'],
  { timeline, lsn }: { timeline: number; lsn: string },
  segmentSizeBytes: number,
) {
  const index = spans.findIndex((span) => span.timeline === timeline);
  const span = spans[index];
  if (!span) return spans;
  const wanted = Number(parseLsn(lsn) / BigInt(segmentSizeBytes));
  const first = parseSegmentName(span.firstSegment, segmentSizeBytes).segmentNumber;
  if (wanted <= first) return spans.slice(index);
  return [
    { ...span, firstSegment: formatSegmentName({ timeline, segmentNumber: wanted }, segmentSizeBytes) },
    ...spans.slice(index + 1),
  ];
}
