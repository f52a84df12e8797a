import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createTablespaceFinder } from '../../../../src/postgres/wal/tablespace-records.ts';
import { findTablespacesInWal } from '../../../../src/wal/plan/find-tablespaces.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf } from '../../parts/named-archive.ts';
import { makeSegment, SEGMENT_BYTES, smallSegment } from '../../parts/synthetic-wal.ts';
import { tablespaceRecord as record } from '../../parts/tablespace-record.ts';

function segment(timeline: number, number: number, ...records: Buffer[]): Buffer {
  const bytes = makeSegment(timeline, number);
  let at = 40;
  for (const one of records) {
    one.copy(bytes, at);
    at += Math.ceil(one.length / 8) * 8;
  }
  return bytes;
}

function archive(segments: Record<number, Buffer>) {
  const named = Object.entries(segments).map(
    ([number, content]) => [smallSegment(1, Number(number)), content] as const,
  );
  const contents = new Map(named.map(([name, content]) => [name, { content }]));
  const store = new MemoryStore(contents);
  const plan: Extract<WalPlan, { source: 'archive' }> = {
    source: 'archive',
    spans: [{ timeline: 1, firstSegment: smallSegment(1, 1) }],
    segmentSizeBytes: SEGMENT_BYTES,
    recoveryTargetTimeline: 'latest',
    histories: [],
    segments: named.length,
    storedBytes: 0,
    endSegment: named.at(-1)?.[0] ?? '',
  };
  return { store, archive: archiveOf([...contents.keys()], () => SEGMENT_BYTES), plan };
}

describe('tablespaces in WAL', () => {
  it('are what sound records create at an absolute path, also where a record is as short as can be', () => {
    const broken = record(7, '/broken');
    broken[30] = (broken[30] as number) ^ 1;
    const wal = segment(1, 1, record(5, '/a'), record(5, '/a', 0x10), broken, record(6, ''), record(8, '/ts/late one'));
    const found = createTablespaceFinder().feed(wal);
    expect(found.map(({ oid, location }) => `${oid} ${location}`)).toEqual(['5 /a', '8 /ts/late one']);
  });

  const three = () =>
    archive({ 1: segment(1, 1, record(5, '/a')), 2: segment(1, 2), 3: segment(1, 3, record(6, '/b')) });

  it('are found in all that is replayed, each time that they are created', async () => {
    const { store, archive: wals, plan } = three();
    expect(await findTablespacesInWal(store, wals, plan, { mostSegments: 10 })).toEqual({
      created: [
        { oid: 5, location: '/a' },
        { oid: 6, location: '/b' },
      ],
      lookedThrough: 3,
      segments: 3,
    });
    const upTo = { ...plan, endSegment: smallSegment(1, 2) };
    expect((await findTablespacesInWal(store, wals, upTo, { mostSegments: 10 })).created).toEqual([
      { oid: 5, location: '/a' },
    ]);
  });

  it('are looked for from where the old data ends, if that is on the way', async () => {
    const { store, archive: wals, plan } = three();
    const from = (timeline: number) => ({ timeline, lsn: `0/${(2 * SEGMENT_BYTES + 100).toString(16)}` });
    expect(await findTablespacesInWal(store, wals, plan, { from: from(1), mostSegments: 10 })).toMatchObject({
      created: [{ oid: 6 }],
      segments: 2,
    });
    expect(await findTablespacesInWal(store, wals, plan, { from: from(9), mostSegments: 10 })).toMatchObject({
      segments: 3,
    });
  });

  it('are looked for up to the zeros behind a switch, and no further', async () => {
    const written = segment(1, 1, record(5, '/a')).subarray(0, 8192);
    // To its end it would be a segment of another size.
    const cut = gzipSync(Buffer.concat([written, Buffer.alloc(SEGMENT_BYTES / 2)]));
    const { store, archive: wals, plan } = archive({ 1: cut, 2: segment(1, 2, record(6, '/b')) });
    expect(await findTablespacesInWal(store, wals, plan, { mostSegments: 10 })).toMatchObject({
      created: [{ oid: 5 }, { oid: 6 }],
      lookedThrough: 2,
    });
  });

  it('are known in part only, when there is much WAL or some of it cannot be read; that is told', async () => {
    const { store, archive: wals, plan } = three();
    expect(await findTablespacesInWal(store, wals, plan, { mostSegments: 2 })).toEqual({
      created: [{ oid: 5, location: '/a' }],
      lookedThrough: 2,
      segments: 3,
    });
    const lacking = new MemoryStore(new Map());
    expect(await findTablespacesInWal(lacking, wals, plan, { mostSegments: 2 })).toMatchObject({
      created: [],
      lookedThrough: 0,
      because: expect.stringMatching(/000000010000000000000001/),
    });
  });
});
