import { OdoError } from '../../errors.ts';
import type { WalArchive } from '../../formats/contract/format.ts';
import { formatLsn, parseLsn, segmentOfLsn } from '../../postgres/terms/wal-names.ts';
import type { TimelineHistory } from '../timelines/timeline-path.ts';
import type { ReplayList } from './replay-list.ts';

interface Archive {
  archive: WalArchive;
  histories: readonly TimelineHistory[];
  signal?: AbortSignal;
}

/**
 * `usage` when the archive has WAL of several timelines at the position: one position on two timelines is two different
 * states.
 */
export async function refuseTwoTimelines(search: Archive, list: ReplayList, lsn: bigint): Promise<void> {
  const { archive, histories, signal } = search;
  const { spans, leftAt, segmentSizeBytes } = list;
  const own = spans.find(({ timeline }) => lsn < (leftAt.get(timeline) ?? lsn + 1n))?.timeline;
  const all = new Set([...spans.map(({ timeline }) => timeline), ...histories.map(({ timeline }) => timeline)]);
  const others: number[] = [];
  for (const timeline of [...all].sort((a, b) => a - b)) {
    const begun = histories.find((history) => history.timeline === timeline)?.ancestors.at(-1)?.switchLsn;
    if (timeline === own || (begun !== undefined && lsn < parseLsn(begun))) continue;
    const name = segmentOfLsn(lsn, timeline, segmentSizeBytes);
    for await (const file of archive.segments(timeline, name, signal)) {
      if (file.name === name) others.push(timeline);
      break;
    }
  }
  if (others.length === 0) return;
  throw new OdoError(
    'usage',
    `LSN ${formatLsn(lsn)} is another state on each of the timelines ${[own, ...others].join(', ')}`,
    {
      hint:
        'say which one is meant: ' +
        `${[own, ...others].map((timeline) => `--target-timeline ${timeline}`).join(' or ')}`,
    },
  );
}
