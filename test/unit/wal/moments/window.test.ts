import { describe, expect, it } from 'vitest';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { formatLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { findWindow } from '../../../../src/wal/moments/window.ts';
import { filesToReplay } from '../../../../src/wal/plan/replay-files.ts';
import { reachOf } from '../../../../src/wal/timelines/reach.ts';
import { type ArchivedWal, surveyWal } from '../../../../src/wal/timelines/survey-wal.ts';
import { pathTo, type TimelineHistory } from '../../../../src/wal/timelines/timeline-path.ts';
import { createRandom } from '../../fuzz/random.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';

const SIZE = 16 * 2 ** 20;

/**
 * A backup whose WAL is the segments `first` to `last` of its timeline, and which ended in the middle of the last one.
 */
function backup(id: string, timeline: number, first: number, last = first): Backup {
  return {
    id,
    format: 'barman',
    state: 'complete',
    timeline,
    beginWal: segment(timeline, first),
    endWal: segment(timeline, last),
    endLsn: lsn(last, 0x100),
    endTime: time(last),
    tablespaces: [],
    parts: [],
    wal: 'archive',
  };
}

function lsn(number: number, offset = 0): string {
  return formatLsn(BigInt(number) * BigInt(SIZE) + BigInt(offset));
}

/** Segment n was archived n minutes after midnight. */
function time(number: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
}

function history(timeline: number, ...ancestors: [timeline: number, switchLsn: string][]): TimelineHistory {
  return {
    timeline,
    ancestors: ancestors.map(([ancestor, switchLsn]) => ({ timeline: ancestor, switchLsn, reason: '' })),
  };
}

async function archived(names: readonly string[], histories: TimelineHistory[] = []): Promise<ArchivedWal> {
  const archive = archiveOf(
    names,
    () => 10,
    (name) => new Date(time(Number.parseInt(name.slice(16), 16))),
  );
  return { ...(await surveyWal(new MemoryStore({}), archive, SIZE)), histories };
}

const names = (timeline: number, ...numbers: number[]) => numbers.map((number) => segment(timeline, number));

describe('one timeline', () => {
  it('can be recovered from the end of the oldest backup to the end of the archive', async () => {
    const wal = await archived(names(1, 1, 2, 3, 4, 5, 6));
    expect(findWindow([backup('b', 1, 2, 3), backup('c', 1, 5)], wal)).toEqual({
      timelines: [
        {
          timeline: 1,
          segments: 6,
          storedBytes: 60,
          firstSegment: segment(1, 1),
          firstTime: time(1),
          lastSegment: segment(1, 6),
          lastTime: time(6),
          stretches: [
            {
              backupId: 'b',
              fromLsn: lsn(3, 0x100),
              fromTime: time(3),
              toSegment: segment(1, 6),
              toLsn: lsn(7),
              toTime: time(6),
            },
          ],
          holes: [],
        },
      ],
      unusable: [],
    });
  });

  it('is interrupted by each hole, until the end of the next backup', async () => {
    const wal = await archived(names(1, 2, 3, 6, 7, 8, 12));
    const { timelines } = findWindow([backup('a', 1, 2), backup('b', 1, 7)], wal);
    expect(timelines[0]?.stretches).toMatchObject([
      { backupId: 'a', fromLsn: lsn(2, 0x100), toSegment: segment(1, 3) },
      { backupId: 'b', fromLsn: lsn(7, 0x100), toSegment: segment(1, 8) },
    ]);
    expect(timelines[0]?.holes).toEqual([
      { firstSegment: segment(1, 4), lastSegment: segment(1, 5), segments: 2, after: time(3), before: time(6) },
      { firstSegment: segment(1, 9), lastSegment: segment(1, 11), segments: 3, after: time(8), before: time(12) },
    ]);
  });

  it('names no hole in WAL that is older than all backups, and ignores backups that are not complete', async () => {
    const wal = await archived(names(1, 1, 3, 5, 6));
    const died: Backup = { ...backup('died', 1, 1), state: 'died' };
    const { timelines } = findWindow([died, backup('b', 1, 5)], wal);
    expect(timelines[0]).toMatchObject({ holes: [], stretches: [{ backupId: 'b' }] });
    expect(findWindow([died], wal).timelines[0]).toMatchObject({ holes: [], stretches: [] });
  });

  it('cannot be recovered from a backup whose own WAL is not all there', async () => {
    const wal = await archived(names(1, 2, 4, 5));
    const { timelines, unusable } = findWindow([backup('a', 1, 2, 4), backup('b', 1, 5, 7), backup('c', 1, 1)], wal);
    expect(unusable).toEqual([
      { id: 'a', reason: `it needs WAL ${segment(1, 2)} to ${segment(1, 4)}, and the archive lacks ${segment(1, 3)}` },
      { id: 'b', reason: `it needs WAL ${segment(1, 5)} to ${segment(1, 7)}, and the archive lacks ${segment(1, 6)}` },
      { id: 'c', reason: `it needs WAL ${segment(1, 1)} to ${segment(1, 1)}, and the archive lacks ${segment(1, 1)}` },
    ]);
    expect(timelines[0]?.stretches).toEqual([]);
    expect(timelines[0]?.holes.map(({ firstSegment, lastSegment }) => [firstSegment, lastSegment])).toEqual([
      [segment(1, 1), segment(1, 1)],
      [segment(1, 3), segment(1, 3)],
      [segment(1, 6), segment(1, 7)],
    ]);
  });

  it('has nothing when the archive is empty', async () => {
    const { timelines, unusable } = findWindow([backup('a', 1, 2)], await archived([]));
    expect(timelines).toMatchObject([
      { timeline: 1, segments: 0, stretches: [], holes: [{ firstSegment: segment(1, 2) }] },
    ]);
    expect(unusable).toHaveLength(1);
  });
});

describe('a timeline that branched off', () => {
  const within = history(2, [1, lsn(4, 0x500)]);

  it('can be recovered from the branch on, by a backup of the old one', async () => {
    const wal = await archived([...names(1, 2, 3), ...names(2, 4, 5)], [{ ...within }]);
    const { timelines, unusable } = findWindow([backup('a', 1, 2)], wal);
    expect(timelines).toMatchObject([
      { timeline: 1, holes: [], stretches: [{ backupId: 'a', toSegment: segment(1, 3) }] },
      {
        timeline: 2,
        branch: { timeline: 1, switchLsn: lsn(4, 0x500) },
        holes: [],
        stretches: [{ backupId: 'a', fromLsn: lsn(4, 0x500), toSegment: segment(2, 5), toTime: time(5) }],
      },
    ]);
    expect(unusable).toEqual([]);
  });

  it('cannot be reached over a hole before the branch, which is named', async () => {
    const wal = await archived([...names(1, 2), ...names(2, 4, 5, 7)], [within]);
    const { timelines } = findWindow([backup('a', 1, 2)], wal);
    expect(timelines).toMatchObject([
      { stretches: [{ toSegment: segment(1, 2) }], holes: [{ firstSegment: segment(1, 3), segments: 1 }] },
      { stretches: [], holes: [{ firstSegment: segment(2, 6), segments: 1 }] },
    ]);
  });

  it('cannot be reached when its own first segment is missing', async () => {
    const wal = await archived([...names(1, 2, 3, 4, 5), ...names(2, 5)], [within]);
    expect(findWindow([backup('a', 1, 2)], wal).timelines).toMatchObject([
      { stretches: [{ toSegment: segment(1, 5) }], holes: [] },
      { stretches: [], holes: [{ firstSegment: segment(2, 4), lastSegment: segment(2, 4) }] },
    ]);
  });

  it('does not follow a backup that ended after the branch', async () => {
    const wal = await archived([...names(1, 2, 3, 4, 5, 6), ...names(2, 4, 5)], [within]);
    const { timelines } = findWindow([backup('late', 1, 5), backup('own', 2, 5)], wal);
    expect(timelines).toMatchObject([{ stretches: [{ backupId: 'late' }] }, { stretches: [{ backupId: 'own' }] }]);
  });

  it('is found by the history of a later one when its own is missing', async () => {
    const wal = await archived(
      [...names(1, 2, 3), ...names(2, 4, 5), ...names(3, 6, 7)],
      [history(3, [1, lsn(4, 0x500)], [2, lsn(6)])],
    );
    expect(findWindow([backup('a', 1, 2)], wal).timelines).toMatchObject([
      { timeline: 1, stretches: [{}], holes: [] },
      { timeline: 2, stretches: [{ backupId: 'a' }], holes: [] },
      { timeline: 3, stretches: [{ backupId: 'a', fromLsn: lsn(6), toSegment: segment(3, 7) }], holes: [] },
    ]);
  });

  it('makes a backup usable whose last segment only the new timeline has', async () => {
    const wal = await archived(names(2, 4, 5), [within]);
    expect(findWindow([backup('a', 1, 4)], wal)).toMatchObject({
      timelines: [{ stretches: [] }, { stretches: [{ backupId: 'a', fromLsn: lsn(4, 0x500) }] }],
      unusable: [],
    });
  });
});

describe('how far one backup gets', () => {
  const start = { timeline: 1, beginWal: segment(1, 2), endLsn: lsn(2, 0x100), segmentSizeBytes: SIZE };

  it('is told with the time of the last segment', async () => {
    const wal = await archived(names(1, 1, 2, 3, 5));
    expect(reachOf(start, 1, wal)).toEqual({
      lastSegment: segment(1, 3),
      endLsn: lsn(4),
      endTime: time(3),
      hole: segment(1, 4),
    });
    expect(reachOf({ ...start, beginWal: segment(1, 4) }, 1, wal)).toEqual({ endLsn: lsn(4), hole: segment(1, 4) });
  });

  it('is nothing for a timeline that does not descend from it', async () => {
    expect(reachOf(start, 2, await archived(names(2, 3), [history(2, [1, lsn(2, 0x50)])]))).toBeUndefined();
    expect(reachOf(start, 3, await archived(names(3, 3)))).toBeUndefined();
  });

  it('is what the replay of the files comes to, and what the window says, in any archive', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = createRandom(seed);
      const first = { at: 3 + random.below(4), offset: random.below(2) * 0x800 };
      const second = { at: first.at + 1 + random.below(3), offset: random.below(2) * 0x800 };
      const leftFirst: [number, string] = [1, lsn(first.at, first.offset)];
      const histories = [history(2, leftFirst), history(3, leftFirst, [2, lsn(second.at, second.offset)])];
      const all = [1, 2, 3].flatMap((timeline) =>
        names(timeline, ...Array.from({ length: 12 }, (_, number) => number)),
      );
      const lost = random.below(40);
      const files = all.filter(() => random.below(100) >= lost);
      const wal = await archived(files, histories);
      const begin = 1 + random.below(4);
      const one = backup('one', 1, begin, begin + random.below(2));
      const { timelines, unusable } = findWindow([one], wal);
      const from = {
        timeline: 1,
        beginWal: one.beginWal as string,
        endLsn: one.endLsn as string,
        segmentSizeBytes: SIZE,
      };

      let isUsable = false;
      for (const timeline of [1, 2, 3]) {
        const spans = pathTo(from, timeline, histories);
        const reach = reachOf(from, timeline, wal);
        expect(spans === undefined, `seed ${seed}`).toBe(reach === undefined);
        if (spans === undefined || reach === undefined) continue;
        let last: string | undefined;
        let hole: string | undefined;
        for await (const step of filesToReplay(archiveOf(files), spans, SIZE)) {
          if (step.kind === 'hole') hole = step.missing;
          else last = step.file.name;
        }
        expect([reach.lastSegment, reach.hole], `seed ${seed}, timeline ${timeline}`).toEqual([last, hole]);
        isUsable ||= last !== undefined && last.slice(8) >= (one.endWal as string).slice(8);
        const isThere = last !== undefined && Number.parseInt(last.slice(0, 8), 16) === timeline;
        const isConsistent = timeline > 1 || (last !== undefined && last >= (one.endWal as string));
        const stretches = timelines.find((window) => window.timeline === timeline)?.stretches ?? [];
        expect(
          stretches.map(({ toSegment }) => toSegment),
          `seed ${seed}, timeline ${timeline}`,
        ).toEqual(isThere && isConsistent ? [last] : []);
      }
      expect(unusable.length, `seed ${seed}`).toBe(isUsable ? 0 : 1);
    }
  });
});
