import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import { formatLsn, nextSegmentName, parseLsn, segmentOfLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import type { OldDataQuestion, OldDataSurvey } from '../../../../src/restore/contract/old-data-survey.ts';
import { judgeSetAside } from '../../../../src/restore/volume/judge-old-data.ts';
import { surveyOldData } from '../../../../src/restore/volume/survey-old-data.ts';
import { type Journal, type JournalState, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { type Place, previousDir } from '../../../../src/tree/places/place.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const fixture = (name: string) => fs.readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));
const control = fixture('wal_records.16.control');
const MIB = 2 ** 20;
/** Where the control file has the timeline of the last checkpoint, and its own checksum. */
const TIMELINE_AT = 48;
/** Where it has how far a recovery has come. */
const MIN_RECOVERY_AT = 136;
const CRC_AT = 288;

function onTimeline(timeline: number): Buffer {
  const bytes = Buffer.from(control);
  bytes.writeUInt32LE(timeline, TIMELINE_AT);
  bytes.writeUInt32LE(crc32c(bytes, 0, CRC_AT), CRC_AT);
  return bytes;
}

/** As a server leaves it that dies soon after its promotion: its last checkpoint is of the timeline before. */
function justPromoted(to: number, at: string): Buffer {
  const bytes = Buffer.from(control);
  bytes.writeBigUInt64LE(parseLsn(at), MIN_RECOVERY_AT);
  bytes.writeUInt32LE(to, MIN_RECOVERY_AT + 8);
  bytes.writeUInt32LE(crc32c(bytes, 0, CRC_AT), CRC_AT);
  return bytes;
}
let place: Place;

/** WAL with commits, on timeline 2, which begins with it; gives where. */
function plantTimeline2(): string {
  const wal = path.join(place.root, 'pg_wal');
  const bytes = gunzipSync(fixture('wal_records.16.gz'));
  const begin = readWalPageHeader(bytes)?.pageLsn as string;
  let name = segmentOfLsn(parseLsn(begin), 2, MIB);
  for (let at = 0; at < bytes.length; at += MIB) {
    fs.writeFileSync(path.join(wal, name), bytes.subarray(at, at + MIB));
    name = nextSegmentName(name, MIB);
  }
  fs.writeFileSync(path.join(wal, '00000002.history'), `1\t${begin}\tno recovery target specified\n`);
  return begin;
}

function dataDirectory(root: string): void {
  for (const name of ['global', 'pg_wal']) fs.mkdirSync(path.join(root, name), { recursive: true });
  fs.writeFileSync(path.join(root, 'global/pg_control'), control);
  fs.writeFileSync(path.join(root, 'postgresql.conf'), '');
  fs.writeFileSync(path.join(root, 'postgresql.auto.conf'), '');
}

function isIn(state: JournalState, more: Partial<Journal> = {}): void {
  writeJournal(place.odoDir, { version: 1, backupId: 'b', startedAt: '', places: [place], state, ...more });
}

const survey = (more: Partial<OldDataQuestion> = {}) =>
  surveyOldData(place, { accounted: [{ timeline: 1, lsn: '0/100000' }], isReplaced: false, ...more });

beforeEach(() => {
  const root = path.join(scratchDirectory(), 'data');
  place = { root, odoDir: path.join(root, '.odo') };
  dataDirectory(root);
});

describe('the old data', () => {
  it('is held against its beginning where the archive knows its timeline by the history alone', async () => {
    const begin = plantTimeline2();
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), onTimeline(2));
    const accounted = [
      { timeline: 1, lsn: begin },
      { timeline: 2, lsn: '0/0' },
    ];
    const ancestors = [{ timeline: 1, lsn: begin }];
    expect(await survey({ accounted })).toMatchObject({ fromLsn: begin, began: ancestors[0], path: ancestors });
    // The archive ends before it.
    expect(
      await survey({
        accounted: [
          { timeline: 1, lsn: '0/0' },
          { timeline: 2, lsn: '0/0' },
        ],
      }),
    ).not.toHaveProperty('beyond');
  });

  it('is held against what is accounted for of its timeline, and is not where that is none', async () => {
    expect(await survey()).toMatchObject({ timeline: 1, fromLsn: '0/100000', beyond: { isWhole: false } });
    expect(await survey({ accounted: [{ timeline: 2, lsn: '0/1' }] })).not.toHaveProperty('beyond');
  });

  it('is held against where its timeline began, when nothing is accounted for of that one', async () => {
    const wal = path.join(place.root, 'pg_wal');
    const begin = plantTimeline2();
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), onTimeline(2));
    const began = { timeline: 1, lsn: begin };
    const all = await survey({ accounted: [{ timeline: 1, lsn: begin }] });
    expect(all).toMatchObject({
      timeline: 2,
      began,
      fromLsn: begin,
      beyond: { isWhole: true, commits: expect.any(Number) },
    });
    expect(all?.beyond?.commits).toBeGreaterThan(0);
    // The server had WAL that never came into the archive, before it began another timeline.
    const short = await survey({ accounted: [{ timeline: 1, lsn: '0/1' }] });
    expect(short).toMatchObject({ began });
    expect(short).not.toHaveProperty('beyond');
    // The restored server may have come the same way.
    dataDirectory(previousDir(place));
    for (const file of [...fs.readdirSync(wal)])
      fs.renameSync(path.join(wal, file), path.join(previousDir(place), 'pg_wal', file));
    fs.writeFileSync(path.join(previousDir(place), 'global/pg_control'), onTimeline(2));
    isIn('swapped');
    fs.writeFileSync(path.join(wal, '00000002.history'), `1\t${begin}\tno recovery target specified\n`);
    expect(await survey({ accounted: [], isReplaced: true })).toEqual(all && { ...all, common: undefined });
    // It may have come by another timeline of that number, which does not account for this one.
    fs.writeFileSync(path.join(wal, '00000003.history'), `1\t${begin}\tx\n2\t0/F000000\tx\n`);
    expect((await survey({ accounted: [], isReplaced: true }))?.fromLsn).toBe('0/F000000');
    fs.writeFileSync(path.join(wal, '00000003.history'), '1\t0/E000000\tx\n2\t0/F000000\tx\n');
    expect(await survey({ accounted: [], isReplaced: true })).toMatchObject({ began, fromLsn: begin });
  });

  it('is on the timeline that it was promoted to, also before the first checkpoint there', async () => {
    const begin = plantTimeline2();
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), justPromoted(2, begin));
    const accounted = [{ timeline: 1, lsn: begin }];
    const found = await survey({ accounted });
    expect(found).toMatchObject({ timeline: 2, began: { timeline: 1, lsn: begin }, beyond: { isWhole: true } });
    expect(found?.beyond?.commits).toBeGreaterThan(0);
    const farther = formatLsn(parseLsn(found?.beyond?.endLsn as string) + 1n);
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), justPromoted(2, farther));
    expect(await survey({ accounted })).toMatchObject({ beyond: { isWhole: false } });
  });

  it('is not asked for when a rollback has set it aside: then its own timeline tells what it holds', async () => {
    const begin = plantTimeline2();
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), onTimeline(2));
    fs.mkdirSync(previousDir(place), { recursive: true });
    for (const name of fs.readdirSync(place.root).filter((one) => one !== '.odo'))
      fs.renameSync(path.join(place.root, name), path.join(previousDir(place), name));
    dataDirectory(place.root);
    isIn('swapped', { lastTimeline: 1 });
    const aside = await survey({ accounted: [], isReplaced: true, isSetAside: true });
    expect(aside).toMatchObject({ timeline: 2, fromLsn: begin, beyond: { isWhole: true } });
    expect(judgeSetAside(aside as OldDataSurvey)?.because).toMatch(
      /^what a rollback has set aside holds \d+ commits.* where its timeline 2 begins$/,
    );
    const isUnknown = async () => {
      const unknown = await survey({ accounted: [], isReplaced: true, isSetAside: true });
      expect(judgeSetAside(unknown as OldDataSurvey)?.because).toMatch(/committed on the way there is not known$/);
    };
    // Promoted again since: what was committed before that is not behind the beginning of this timeline.
    isIn('swapped', { lastTimeline: 0 });
    await isUnknown();
    isIn('swapped', { lastTimeline: 1 });
    fs.rmSync(path.join(previousDir(place), 'pg_wal/00000002.history'));
    await isUnknown();
  });

  it('is in `previous` when it was replaced; the history of the restored server tells what that one has', async () => {
    dataDirectory(previousDir(place));
    isIn('swapped');
    fs.writeFileSync(path.join(place.root, 'pg_wal/00000002.history'), '1\t0/7000000\tno recovery target specified\n');
    expect(await survey({ isReplaced: true })).toMatchObject({ fromLsn: '0/7000000' });
    const other = Buffer.from(control);
    other.writeBigUInt64LE(1n, 0);
    other.writeUInt32LE(crc32c(other, 0, 288), 288);
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), other);
    expect(await survey({ isReplaced: true })).toMatchObject({ isOfAnother: true, holdsObjects: false });
  });

  it('is not taken for nothing where its control file, or that of the restored server, cannot be read', async () => {
    const torn = Buffer.from(control);
    torn[100] = (torn[100] as number) ^ 1;
    fs.writeFileSync(path.join(place.root, 'global/pg_control'), torn);
    const file = path.join(place.root, 'global/pg_control');
    await expect(survey()).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(`${file} cannot be read`),
    });
    dataDirectory(previousDir(place));
    isIn('swapped');
    await expect(survey({ isReplaced: true })).rejects.toMatchObject({ code: 'dataCorrupt' });
    fs.rmSync(path.join(previousDir(place), 'global/pg_control'));
    await expect(survey({ isReplaced: true })).rejects.toMatchObject({ code: 'dataCorrupt' });
  });

  it('is none where there is nothing of a cluster but what is mounted into its place', async () => {
    for (const name of ['global', 'pg_wal', 'postgresql.auto.conf'])
      fs.rmSync(path.join(place.root, name), { recursive: true });
    expect(fs.readdirSync(place.root)).toEqual(['postgresql.conf']);
    expect(await survey()).toBeUndefined();
    fs.mkdirSync(path.join(place.root, 'base'));
    await expect(survey()).rejects.toMatchObject({ code: 'dataCorrupt' });
  });

  it('is read again where a server is just writing its control file', async () => {
    dataDirectory(previousDir(place));
    isIn('swapped');
    fs.writeFileSync(path.join(place.root, 'pg_wal/00000002.history'), '1\t0/7000000\tno recovery target specified\n');
    const read = fs.readFileSync;
    const files = ['global/pg_control', '.odo/previous/global/pg_control'].map((name) => path.join(place.root, name));
    const unread = new Set(files);
    const spy = vi.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...rest: []) => {
      const bytes = read(file, ...rest) as unknown as Buffer;
      if (unread.delete(file)) bytes[100] = (bytes[100] as number) ^ 1;
      return bytes;
    }) as typeof fs.readFileSync);
    try {
      expect(await survey({ isReplaced: true })).toMatchObject({ fromLsn: '0/7000000' });
    } finally {
      spy.mockRestore();
    }
    expect(unread).toEqual(new Set());
  });

  it('is not what is being cleared away in `previous`', async () => {
    dataDirectory(previousDir(place));
    fs.writeFileSync(path.join(previousDir(place), 'global/pg_control'), onTimeline(2));
    isIn('swapped');
    expect(await survey()).toMatchObject({ timeline: 2 });
    isIn('clearing');
    expect(await survey()).toMatchObject({ timeline: 1 });
    fs.rmSync(place.root, { recursive: true });
    expect(await survey()).toBeUndefined();
  });
});
