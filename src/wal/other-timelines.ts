import { OdoError } from '../errors.ts';
import type { WalArchive } from '../formats/format.ts';
import { spellMoment } from '../postgres/target-time.ts';
import { formatMicros } from '../postgres/timestamp.ts';
import { formatLsn, parseLsn, segmentOfLsn, timelineOfName } from '../postgres/wal-names.ts';
import type { ReplayList } from './replay-list.ts';
import type { WalSearch } from './search-wal.ts';
import type { TimelineHistory } from './timeline-path.ts';

interface Archive {
  archive: WalArchive;
  histories: readonly TimelineHistory[];
  wal: WalSearch;
  signal?: AbortSignal;
}

/** Far more of an abandoned timeline than it takes to meet its first commit. */
const ABANDONED_SEGMENTS = 64;

/**
 * After a restore to an earlier moment, the newest timeline lacks what was committed between that moment and the restore; a time in between would
 * silently give the earlier moment again. Refused (usage) when the timeline that was left has commits up to the wanted time behind the branch, and
 * the way on has none: the user has to say which history is meant.
 * @param isWithin whether a transaction that ended then belongs to the wanted state
 */
export async function refuseLostHistory(search: Archive, list: ReplayList, isWithin: (micros: bigint) => boolean): Promise<void> {
  const { archive, wal, signal } = search;
  for (const [timeline, left] of list.leftAt) {
    const next = list.spans[list.spans.findIndex((span) => span.timeline === timeline) + 1];
    if (!next) continue;
    const from = segmentOfLsn(left, timeline, list.segmentSizeBytes);
    const files = [];
    for await (const file of archive.segments(timeline, from, signal)) {
      files.push(file);
      if (files.length === ABANDONED_SEGMENTS) break;
    }
    const lost = await wal.first({ files, leftAt: new Map() }, (mark) => mark.kind === 'commit' && mark.lsn >= left);
    if (!lost || !isWithin(lost.mark.micros)) continue;
    const after = list.files.filter((file) => timelineOfName(file.name) > timeline);
    const own = await wal.first({ files: after, leftAt: list.leftAt }, (mark) => mark.kind === 'commit' && mark.lsn >= left);
    if (own && isWithin(own.mark.micros)) continue;
    const first = spellMoment(formatMicros(lost.mark.micros));
    const begun = own ? `begun with a commit at ${spellMoment(formatMicros(own.mark.micros))}` : 'without any commit';
    throw new OdoError(
      'usage',
      `timeline ${timeline} was the one in use at that time: it has commits from ${first} on behind ${formatLsn(left)}, where timeline ${next.timeline} left it (${begun})`,
      {
        hint: `--target-timeline ${timeline} restores the state as it was then; --target-timeline ${next.timeline} the one at ${formatLsn(left)}, without those commits`,
      },
    );
  }
}

/** The same position on two timelines is two different states. Refused (usage) when the archive has WAL of another timeline there. */
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
  throw new OdoError('usage', `LSN ${formatLsn(lsn)} is another state on each of the timelines ${[own, ...others].join(', ')}`, {
    hint: `say which one is meant: ${[own, ...others].map((timeline) => `--target-timeline ${timeline}`).join(' or ')}`,
  });
}
