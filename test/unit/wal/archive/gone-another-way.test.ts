import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { openWalArchive } from '../../../../src/formats/registry/registry.ts';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { formatLsn, formatSegmentName, nextSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { openStore } from '../../../../src/store/kinds/open.ts';
import { hasGoneAnotherWay } from '../../../../src/wal/archive/gone-another-way.ts';
import { lastWritten } from '../../../../src/wal/archive/last-written.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const MIB = 2 ** 20;
const fixture = (name: string) => fs.readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));
const { systemIdentifier, checkpointLsn } = parsePgControl(fixture('wal_records.16.control'));

/** The pg_wal of a real PostgreSQL 16; its second segment is written in part. */
const wal = gunzipSync(fixture('wal_records.16.gz'));
const begin = parseLsn(readWalPageHeader(wal)?.pageLsn as string);
const first = formatSegmentName({ timeline: 1, segmentNumber: Number(begin / BigInt(MIB)) }, MIB);
const second = nextSegmentName(first, MIB);
const owner = { systemIdentifier, timeline: 1, segmentSizeBytes: MIB, checkpointLsn };
const END = formatLsn(begin + BigInt(2 * MIB));

let directory: string;
let url: string;

function archive(name: string, content: Buffer): void {
  const folder = path.join(url, 'wals', name.slice(0, 16));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, `${name}.gz`), gzipSync(content));
}

async function isOther(beforeLsn = END): Promise<boolean | undefined> {
  const common = await lastWritten(directory, owner, beforeLsn);
  if (!common) return undefined;
  const { store } = openStore({ url });
  const walArchive = await openWalArchive(store, { format: 'barman', root: '' });
  if (!walArchive) throw new Error('there is no archive');
  try {
    return await hasGoneAnotherWay(store, walArchive, common, new AbortController().signal);
  } finally {
    store.close();
  }
}

beforeEach(() => {
  directory = scratchDirectory();
  url = scratchDirectory();
  fs.writeFileSync(path.join(directory, first), wal.subarray(0, MIB));
  fs.writeFileSync(path.join(directory, second), wal.subarray(MIB, 2 * MIB));
  archive(first, wal.subarray(0, MIB));
});

describe('WAL of the same name', () => {
  it('is the same as far as it is written, wherever the archive goes on', async () => {
    const common = await lastWritten(directory, owner, END);
    expect(common).toMatchObject({ name: second });
    expect(common?.bytes).toBeGreaterThan(8192);
    expect(common?.bytes).toBeLessThan(MIB);
    const longer = Buffer.from(wal.subarray(MIB, 2 * MIB));
    longer.fill(7, common?.bytes);
    archive(second, longer);
    expect(await isOther()).toBe(false);
    expect(await isOther(formatLsn(begin + BigInt(MIB)))).toBe(false);
  });

  it('has gone another way where a byte of a record differs', async () => {
    const other = Buffer.from(wal.subarray(MIB, 2 * MIB));
    other[9000] = (other[9000] as number) ^ 1;
    archive(second, other);
    expect(await isOther()).toBe(true);
    expect(await isOther(formatLsn(begin + BigInt(MIB)))).toBe(false);
  });

  it('is not to be held against anything that the archive has not, or has damaged', async () => {
    expect(await isOther()).toBe(false);
    const folder = path.join(url, 'wals', second.slice(0, 16));
    fs.writeFileSync(path.join(folder, `${second}.gz`), gzipSync(wal.subarray(MIB, 2 * MIB)).subarray(0, 20_000));
    expect(await isOther()).toBe(false);
  });

  it('is nothing in a file that is used again and not written yet, nor of another timeline', async () => {
    fs.writeFileSync(path.join(directory, second), wal.subarray(0, MIB));
    expect(await lastWritten(directory, owner, END)).toMatchObject({ name: first });
    expect(await lastWritten(directory, { ...owner, timeline: 2 }, END)).toBeUndefined();
    expect(await lastWritten(path.join(directory, 'none'), owner, END)).toBeUndefined();
  });
});
