import { describe, expect, it } from 'vitest';
import { cancelled, OdoError } from '../../../../src/errors.ts';
import { demandReplayedToEnd, type ReadEnd, type Replayed } from '../../../../src/restore/outcome/replayed-to-end.ts';
import type { SegmentEnd } from '../../../../src/wal/archive/read-segment-end.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';

const END = '000000010000000000000005';

const plan = (endSegment = END, segmentSizeBytes = 16 << 20): WalPlan => ({
  source: 'archive',
  spans: [],
  segmentSizeBytes,
  recoveryTargetTimeline: 'latest',
  histories: [],
  segments: 1,
  storedBytes: 1,
  endSegment,
});
const at = (lsn: string, more: Partial<Replayed> = {}): Replayed => ({
  reached: { timeline: 2, lsn },
  waits: false,
  ...more,
});

const unread: ReadEnd = async (segment) => {
  throw new Error(`nobody has to read ${segment}`);
};
/** An archive whose segments end with this record. */
const endsWith =
  (lastLsn: string): ReadEnd =>
  async () => ({ lastLsn, endLsn: lastLsn, isDamaged: false });

const damaged: ReadEnd = async () => ({
  lastLsn: '0/5000100',
  endLsn: '0/5000178',
  because: 'the record at 0/5000178 is not whole',
  isDamaged: true,
});

function expectDamage(judging: Promise<unknown>, words: string): Promise<void> {
  return expect(judging).rejects.toThrow(
    expect.objectContaining({ code: 'dataCorrupt', message: expect.stringContaining(words) }),
  ) as Promise<void>;
}

describe('where recovery ended', () => {
  it('is right behind the last record of the segment, and at the ends of segments, which are not read', async () => {
    expect(await demandReplayedToEnd(plan(), at('0/5000070'), endsWith('0/5000028'))).toEqual([]);
    expect(await demandReplayedToEnd(plan(), at('0/6000000'), unread)).toEqual([]);
    expect(await demandReplayedToEnd(plan(), at('0/7000000'), unread)).toEqual([]);
  });

  it('is damage before the last segment, in whatever segment size', async () => {
    for (const [end, size] of [
      [END, 16 << 20],
      ['000000010000000000000050', 1 << 20],
    ] as const) {
      await expectDamage(
        demandReplayedToEnd(plan(end, size), at('0/5000000'), unread),
        `the archive goes on to ${end}`,
      );
    }
  });

  it('is damage before the last record of the segment that it lies in, which may be a later one by now', async () => {
    const asked: string[] = [];
    const readEnd: ReadEnd = async (segment) => {
      asked.push(segment);
      return { lastLsn: '0/5FFFF00', endLsn: '0/6000000', isDamaged: false };
    };
    await expectDamage(
      demandReplayedToEnd(plan(), at('0/5FFFF00'), readEnd),
      `the archive's ${END} has records to 0/5FFFF00`,
    );
    await demandReplayedToEnd(plan(), at('0/6000100'), readEnd);
    expect(asked).toEqual([END, '000000010000000000000006']);
  });

  it('is damage where records cannot be followed although later ones were written, also for a standby', async () => {
    for (const waits of [false, true]) {
      const words = 'goes on behind a place that is damaged: the record at 0/5000178 is not whole';
      await expectDamage(demandReplayedToEnd(plan(), at('0/5000178', { waits }), damaged), words);
    }
  });

  it('may lie behind a damaged place, where the server had the WAL from elsewhere', async () => {
    expect(await demandReplayedToEnd(plan(), at('0/5000200'), damaged)).toEqual([
      expect.stringContaining(`the archive's ${END} is damaged (the record at 0/5000178 is not whole)`),
    ]);
  });

  it('is the beginning of a record that the archive has not to its end, as long as it is', async () => {
    // Segments of 1 MiB: one with the beginning, two within the record, of which the last was cut.
    const [begun, within, last] = ['03F', '040', '041'].map((number) => `000000010000000000000${number}`) as [
      string,
      string,
      string,
    ];
    const ends: Record<string, SegmentEnd> = {
      [begun]: { lastLsn: '0/3FFFF00', endLsn: '0/3FFFF80', isDamaged: false },
      [within]: { endLsn: '0/4000000', isDamaged: false },
      [last]: { endLsn: '0/4100000', because: 'the page at 0/4182000 was not written', isDamaged: false },
    };
    const judge = (more: Record<string, SegmentEnd | undefined> = {}, lsn = '0/3FFFF80') =>
      demandReplayedToEnd(plan(last, 1 << 20), at(lsn), async (name) => ({ ...ends, ...more })[name]);
    expect(await judge()).toEqual([
      expect.stringContaining('the archive ends within the record that begins at 0/3FFFF80'),
    ]);

    const words = `the archive goes on to ${last}`;
    await expectDamage(judge({ [last]: { ...(ends[last] as SegmentEnd), isDamaged: true } }), words);
    await expectDamage(judge({ [last]: { ...(ends[last] as SegmentEnd), lastLsn: '0/4100100' } }), words);
    await expectDamage(
      judge({ [within]: { ...(ends[within] as SegmentEnd), because: 'the page was not written' } }),
      words,
    );
    await expectDamage(judge({ [begun]: undefined }), words);
    // It came short of the record before.
    await expectDamage(judge({}, '0/3FFFF00'), words);
    await expectDamage(
      demandReplayedToEnd(plan(last, 1 << 20), at('0/3FFFF80'), () => Promise.reject(new Error('gone'))),
      words,
    );
  });

  it('is told where the segment just ends', async () => {
    const because = 'nothing was written from 0/5000178 on';
    const readEnd: ReadEnd = async () => ({ lastLsn: '0/5000100', endLsn: '0/5000178', because, isDamaged: false });
    const notes = await demandReplayedToEnd(plan(), at('0/5000178'), readEnd);
    expect(notes).toEqual([expect.stringContaining(`${END}, is not whole, as an archiver leaves it: ${because}`)]);
  });

  it('may still be on its way in a standby', async () => {
    expect(await demandReplayedToEnd(plan(), at('0/5000100', { waits: true }), endsWith('0/5FFFF00'))).toEqual([]);
  });

  it('is damage before the last record that was found in the old data, too', async () => {
    const salvage = { lastLsn: '0/7000100' };
    expect(await demandReplayedToEnd(plan(), at('0/7000178', { salvage }), unread)).toEqual([]);
    await expectDamage(
      demandReplayedToEnd(plan(), at('0/7000100', { salvage }), unread),
      'the WAL of the old data goes on to 0/7000100',
    );
  });

  it('is told when it is not known, or the archive does not answer any more', async () => {
    const unknown: Replayed = { reached: { timeline: 2 }, waits: false };
    expect(await demandReplayedToEnd(plan(), unknown, unread)).toEqual([
      expect.stringContaining(`the end of the archive, ${END}`),
    ]);
    const gone: ReadEnd = () => Promise.reject(new OdoError('storeUnreachable', 'cannot reach the store'));
    expect(await demandReplayedToEnd(plan(), at('0/5000100'), gone)).toEqual([
      expect.stringContaining(`whether all of ${END} was replayed could not be looked at`),
    ]);
    await expect(demandReplayedToEnd(plan(), at('0/5000100'), () => Promise.reject(cancelled()))).rejects.toMatchObject(
      {
        code: 'cancelled',
      },
    );
  });

  it('is not judged when the WAL came with the backup, nor by a segment that the archive has not', async () => {
    expect(await demandReplayedToEnd({ source: 'included' }, at('0/1'), unread)).toEqual([]);
    expect(await demandReplayedToEnd(plan(), at('0/6000100'), async () => undefined)).toEqual([]);
  });
});
