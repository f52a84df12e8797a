import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { formatSegmentName, nextSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { withSalvage } from '../../../../src/wal/salvage/salvage-archive.ts';
import { setSalvageAside } from '../../../../src/wal/salvage/salvage-files.ts';
import { type Salvage, type SalvageQuery, surveySalvage } from '../../../../src/wal/salvage/salvage-survey.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf } from '../../parts/named-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const MIB = 2 ** 20;
const fixture = (name: string) => fs.readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));

/**
 * The pg_wal of a real PostgreSQL 16 that was shut down: two segments of WAL, and older ones for later use behind them.
 */
const wal = gunzipSync(fixture('wal_records.16.gz'));
const segments = Array.from({ length: wal.length / MIB }, (_, index) => wal.subarray(index * MIB, (index + 1) * MIB));
const control = parsePgControl(fixture('wal_records.16.control'));
const first = formatSegmentName(
  {
    timeline: 1,
    segmentNumber: Number(parseLsn(readWalPageHeader(segments[0] as Buffer)?.pageLsn as string) / BigInt(MIB)),
  },
  MIB,
);
const second = nextSegmentName(first, MIB);

let directory: string;

beforeEach(() => {
  directory = path.join(scratchDirectory(), 'pg_wal');
  fs.mkdirSync(directory);
  let name = first;
  for (const segment of segments) {
    fs.writeFileSync(path.join(directory, name), segment);
    name = nextSegmentName(name, MIB);
  }
});

/** Of an archive that ends with the first segment. */
function query(more: Partial<SalvageQuery> = {}, archived = segments[0] as Buffer): SalvageQuery {
  const key = `${first}.gz`;
  const content = gzipSync(archived, { level: 1 });
  const store = new MemoryStore({});
  store.objects.set(key, { content });
  return {
    store,
    archive: archiveOf([key], () => content.length),
    plan: {
      source: 'archive',
      spans: [{ timeline: 1, firstSegment: first }],
      segmentSizeBytes: MIB,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 1,
      storedBytes: content.length,
      endSegment: first,
    },
    systemIdentifier: control.systemIdentifier,
    directory,
    ...more,
  };
}

function change(name: string, at: number, bytes: Buffer): void {
  const fd = fs.openSync(path.join(directory, name), 'r+');
  fs.writeSync(fd, bytes, 0, bytes.length, at);
  fs.closeSync(fd);
}

const offsetOf = (lsn: string) => Number(parseLsn(lsn) % BigInt(MIB));

async function salvageOf(more?: Partial<SalvageQuery>): Promise<Salvage> {
  const { salvage, because } = await surveySalvage(query(more));
  if (!salvage) throw new Error(because);
  return salvage;
}

describe('the pg_wal of old data, held against an archive', () => {
  it('goes on to its shutdown checkpoint, and not into segments that wait for their use', async () => {
    const { salvage, stop, because } = await surveySalvage(query({ find: ({ kind }) => kind === 'restore point' }));
    expect(salvage).toMatchObject({ firstSegment: second, lastSegment: second, segments: 1, commits: 3, prepared: 1 });
    expect(salvage?.lastLsn).toBe(control.checkpointLsn);
    expect(salvage?.lastCommitTime).toMatch(/^\d{4}-.*Z$/);
    expect(stop?.time).toMatch(/^\d{4}-.*Z$/);
    expect(because).toMatch(/nothing was written|was not written|older WAL/);
  });

  it('ends before a torn record', async () => {
    const whole = await salvageOf();
    change(second, offsetOf(whole.lastLsn) + 30, Buffer.from([0x55, 0xaa]));
    const torn = await salvageOf();
    expect(torn.endLsn).toBe(whole.lastLsn);
    expect(torn.commits).toBe(whole.commits);
  });

  it('is not used when it is of another cluster, has gone another way, or does not go on from there', async () => {
    const other = await surveySalvage(query({ systemIdentifier: '7' }));
    expect(other.salvage).toBeUndefined();
    expect(other.because).toContain('of another cluster');
    change(first, 5 * 8192 + 100, Buffer.from('another history'));
    const diverged = await surveySalvage(query());
    expect(diverged.salvage).toBeUndefined();
    expect(diverged.because).toContain('has gone another way');
    fs.rmSync(path.join(directory, first));
    expect((await surveySalvage(query())).salvage).toBeDefined();
    fs.rmSync(path.join(directory, second));
    expect(await surveySalvage(query())).toMatchObject({ because: `its pg_wal has no ${second}` });
  });

  it('is not relied upon where the archive is damaged before it', async () => {
    const damaged = Buffer.from(segments[0] as Buffer);
    damaged.writeUInt8((damaged[50_000] as number) ^ 1, 50_000);
    const survey = await surveySalvage(query({}, damaged));
    expect(survey.salvage).toBeUndefined();
    expect(survey.because).toContain('does not lead on from its end');
  });

  it('is set aside with nothing behind its last whole record, and listed after the archive', async () => {
    const salvage = await salvageOf();
    change(second, offsetOf(salvage.endLsn) + 8, Buffer.from('the rest of a torn record'));
    const aside = path.join(scratchDirectory(), 'salvage');
    setSalvageAside(salvage, MIB, directory, aside, undefined);
    const copy = fs.readFileSync(path.join(aside, second));
    const validBytes = offsetOf(salvage.endLsn);
    expect(copy).toHaveLength(MIB);
    expect(copy.subarray(0, validBytes).equals((segments[1] as Buffer).subarray(0, validBytes))).toBe(true);
    expect(copy.subarray(validBytes).every((byte) => byte === 0)).toBe(true);

    const { archive, store } = query();
    const both = withSalvage(archive, store, aside);
    const listed = [];
    for await (const file of both.archive.segments(1, first)) listed.push(file);
    expect(listed.map(({ name }) => name)).toEqual([first, second]);
    const chunks = [];
    for await (const chunk of await both.store.read(listed[1]?.key as string)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(copy)).toBe(true);
  });

  it('gives way to what the archive has got itself', async () => {
    const aside = path.join(scratchDirectory(), 'salvage');
    setSalvageAside(await salvageOf(), MIB, directory, aside, undefined);
    const { store } = query();
    const both = withSalvage(archiveOf([`${first}.gz`, `${second}.gz`]), store, aside);
    const keys = [];
    for await (const { key } of both.archive.segments(1, first)) keys.push(key);
    expect(keys).toEqual([`${first}.gz`, `${second}.gz`]);
  });
});
