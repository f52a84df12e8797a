import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { formatSegmentName, nextSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { readBeyond } from '../../../../src/wal/archive/read-beyond.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const MIB = 2 ** 20;
const fixture = (name: string) => fs.readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));

/**
 * The pg_wal of a real PostgreSQL 16 that was shut down: two segments of WAL, and older ones for later use behind them.
 */
const wal = gunzipSync(fixture('wal_records.16.gz'));
const control = parsePgControl(fixture('wal_records.16.control'));
const begin = readWalPageHeader(wal)?.pageLsn as string;
const first = formatSegmentName({ timeline: 1, segmentNumber: Number(parseLsn(begin) / BigInt(MIB)) }, MIB);
const second = nextSegmentName(first, MIB);
const owner = { ...control, timeline: 1, segmentSizeBytes: MIB };
const startOf = (index: number) => `0/${(parseLsn(begin) + BigInt(index * MIB)).toString(16).toUpperCase()}`;

let directory: string;

beforeEach(() => {
  directory = path.join(scratchDirectory(), 'pg_wal');
  fs.mkdirSync(directory);
  let name = first;
  for (let at = 0; at < wal.length; at += MIB) {
    fs.writeFileSync(path.join(directory, name), wal.subarray(at, at + MIB));
    name = nextSegmentName(name, MIB);
  }
});

describe('what a pg_wal holds behind a position', () => {
  it('is counted from there on, to its last checkpoint', async () => {
    const all = await readBeyond(directory, owner, begin);
    const rest = await readBeyond(directory, owner, startOf(1));
    expect(rest).toMatchObject({ commits: 3, prepared: 1, isWhole: true });
    expect(rest.lastCommitTime).toMatch(/Z$/);
    expect(all.commits).toBeGreaterThan(rest.commits);
    expect(all.endLsn).toBe(rest.endLsn);
  });

  it('is nothing behind the last checkpoint, also where there is no segment any more', async () => {
    const { endLsn } = await readBeyond(directory, owner, begin);
    expect(await readBeyond(directory, owner, endLsn)).toMatchObject({
      commits: 0,
      prepared: 0,
      isWhole: true,
      endLsn,
    });
    fs.rmSync(path.join(directory, second));
    expect(await readBeyond(directory, owner, startOf(2))).toMatchObject({ commits: 0, isWhole: true });
  });

  it('is not whole where a segment is missing or damaged before that', async () => {
    fs.rmSync(path.join(directory, second));
    expect(await readBeyond(directory, owner, startOf(1))).toMatchObject({
      isWhole: false,
      because: `its pg_wal has no ${second}`,
    });
    fs.writeFileSync(path.join(directory, second), Buffer.alloc(MIB));
    expect(await readBeyond(directory, owner, begin)).toMatchObject({ isWhole: false });
    expect((await readBeyond(directory, owner, startOf(1))).because).toContain('does not begin like a WAL segment');
  });

  it('is not of a cluster whose WAL is of another', async () => {
    const other = { ...owner, systemIdentifier: '1' };
    expect(await readBeyond(directory, other, startOf(1))).toMatchObject({ commits: 0, isWhole: false });
  });
});
