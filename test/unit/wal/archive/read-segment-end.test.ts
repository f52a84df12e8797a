import fs from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formatLsn, formatSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { readSegmentEnd } from '../../../../src/wal/archive/read-segment-end.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf } from '../../parts/named-archive.ts';

const MIB = 2 ** 20;
const PAGE = 8192;

/** Segments that real servers wrote, by major version. */
function segmentsOf(fixture: string): Buffer[] {
  const wal = gunzipSync(fs.readFileSync(new URL(`../../../fixtures/postgres/${fixture}`, import.meta.url)));
  return Array.from({ length: wal.length / MIB }, (_, index) => wal.subarray(index * MIB, (index + 1) * MIB));
}

function nameOf(segment: Buffer): string {
  const header = readWalPageHeader(segment);
  if (!header) throw new Error('no segment');
  const segmentNumber = Number(parseLsn(header.pageLsn) / BigInt(MIB));
  return formatSegmentName({ timeline: header.timeline, segmentNumber }, MIB);
}

function endOf(segment: Buffer, name = nameOf(segment), twin?: Buffer, systemIdentifier?: string) {
  const store = new MemoryStore({});
  const content = gzipSync(segment, { level: 1 });
  store.objects.set(`${name}.gz`, { content });
  if (twin) store.objects.set(name, { content: twin });
  const archive = archiveOf([`${name}.gz`], () => content.length);
  const other = { name, key: name, sizeBytes: MIB, layers: [] as const };
  const withTwin: typeof archive = {
    ...archive,
    async *segments(...asked) {
      for await (const file of archive.segments(...asked)) yield twin ? { ...file, twins: [other] } : file;
    },
  };
  return readSegmentEnd(store, withTwin, name, MIB, { systemIdentifier });
}

const changed = (segment: Buffer, change: (copy: Buffer) => void) => {
  const copy = Buffer.from(segment);
  change(copy);
  return copy;
};
const flipped = (segment: Buffer, at: number) =>
  changed(segment, (copy) => copy.writeUInt8(copy.readUInt8(at) ^ 1, at));

describe.each([15, 17, 18, 19])('a segment of PostgreSQL %i', (major) => {
  const [first, last] = segmentsOf(`wal_marks.${major}.gz`) as [Buffer, Buffer];

  it('that was archived is whole', async () => {
    for (const segment of [first, last]) {
      const end = await endOf(segment);
      const lsn = expect.stringMatching(/^0\/[0-9A-F]+$/);
      expect(end).toEqual({ lastLsn: lsn, endLsn: lsn, isDamaged: false });
      expect(Number(parseLsn(end?.lastLsn as string) / BigInt(MIB))).toBe(
        Number(parseLsn(readWalPageHeader(segment)?.pageLsn as string) / BigInt(MIB)),
      );
    }
  });

  it('is damaged wherever one bit of its records is another, as long as more was written behind', async () => {
    for (const page of [1, 5, 12]) {
      const end = await endOf(flipped(first, page * PAGE + 4001));
      expect(end, `page ${page}`).toMatchObject({ because: expect.any(String), isDamaged: true });
    }
    const header = await endOf(flipped(first, 9 * PAGE + 9));
    expect(header).toMatchObject({ because: expect.stringContaining('the page at'), isDamaged: true });
  });

  it('is damaged where whole records lie behind in the very last pages, and no page behind those', async () => {
    // A segment that ends in the middle of a page, as the last of an archive does.
    const lastLsn = parseLsn((await endOf(first))?.lastLsn as string);
    const startLsn = parseLsn(readWalPageHeader(first)?.pageLsn as string);
    const lastAt = Number(lastLsn - startLsn);
    const previousAt = Number(first.readBigUInt64LE(lastAt + 8) - startLsn);
    const end = await endOf(flipped(first, previousAt + 20));
    const because = expect.stringContaining('is not whole');
    expect(end).toMatchObject({ because, endLsn: formatLsn(startLsn + BigInt(previousAt)), isDamaged: true });
    // Nothing shows that the last one was ever whole.
    expect(await endOf(flipped(first, lastAt + 20))).toMatchObject({ because, isDamaged: false });
  });

  it('that was taken from a server before it was full just ends', async () => {
    const cut = changed(first, (copy) => copy.fill(0, 8 * PAGE + 100));
    expect(await endOf(cut)).toMatchObject({ because: expect.any(String), isDamaged: false });
    const reused = changed(first, (copy) => last.copy(copy, 8 * PAGE, 8 * PAGE));
    expect(await endOf(reused)).toMatchObject({ because: expect.any(String), isDamaged: false });
  });
});

describe('a segment of the archive', () => {
  const [first] = segmentsOf('wal_marks.17.gz') as [Buffer];
  const name = nameOf(first);

  it('is looked for by its own name alone', async () => {
    await expect(endOf(first, '000000010000000000000999')).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('000000010000000000000999.gz is of another place in the WAL'),
    });
    const store = new MemoryStore({});
    expect(await readSegmentEnd(store, archiveOf([]), name, MIB)).toBeUndefined();
    expect(await readSegmentEnd(store, archiveOf([`${name.slice(0, -1)}F.gz`]), name, MIB)).toBeUndefined();
  });

  it('is dataCorrupt when it is none, or not as long; a twin that is good is read instead', async () => {
    const short = first.subarray(0, MIB - PAGE);
    await expect(endOf(short)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(`${name}.gz is not a WAL segment`),
    });
    expect(await endOf(short, name, first)).toMatchObject({ isDamaged: false });
    const pageless = changed(first, (copy) => copy.writeUInt32LE(0, 36));
    await expect(endOf(pageless)).rejects.toThrow(`${name}.gz has pages of no size that there is`);
    const own = readWalPageHeader(first)?.systemIdentifier;
    const foreign = changed(first, (copy) => copy.writeBigUInt64LE(4711n, 24));
    await expect(endOf(foreign, name, undefined, own)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(`${name}.gz is of another cluster (system identifier)`),
    });
    expect(await endOf(foreign, name, first, own)).toEqual(await endOf(first));
    const none = Buffer.alloc(MIB, 'x');
    await expect(endOf(none, name)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('does not begin like'),
    });
  });
});
