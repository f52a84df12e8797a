import { parseLsn, parseSegmentName } from '../../../src/postgres/terms/wal-names.ts';
import { listKeys } from '../../integration/parts/s3.ts';
import { PREFIX, SERVER } from './archive.ts';

const SEGMENT_BYTES = 1 << 20;

/** Numbers of the archived segments, by timeline. */
export type Archived = ReadonlyMap<number, ReadonlySet<number>>;

export async function archivedSegments(bucket: string): Promise<Archived> {
  const archived = new Map<number, Set<number>>();
  for (const key of await listKeys(bucket, `${PREFIX}/${SERVER}/wals/`)) {
    const name = /\/([0-9A-F]{24})(?:\.gz)?$/.exec(key)?.[1];
    if (name === undefined) continue;
    const { timeline, segmentNumber } = parseSegmentName(name, SEGMENT_BYTES);
    archived.set(timeline, (archived.get(timeline) ?? new Set()).add(segmentNumber));
  }
  return archived;
}

/**
 * Whether what was archived of a timeline since goes on, without a hole, where the archive ended before: on the same
 * timeline, or where its history says that it left the one before.
 * @param history the content of the timeline's history file; '' for timeline 1
 */
export function goesOn(before: Archived, after: Archived, timeline: number, history: string): boolean {
  const known = before.get(timeline) ?? new Set<number>();
  const fresh = [...(after.get(timeline) ?? [])].filter((number) => !known.has(number));
  const first = Math.min(...fresh);
  if (Math.max(...fresh) - first + 1 !== fresh.length) return false;
  if (known.size > 0) return first === Math.max(...known) + 1;
  const [parent = '', left = ''] = history.trim().split('\n').at(-1)?.split('\t') ?? [];
  if (left === '') return false;
  const branch = Number(parseLsn(left) / BigInt(SEGMENT_BYTES));
  return first === branch && Math.max(...(before.get(Number(parent)) ?? [])) >= branch - 1;
}
