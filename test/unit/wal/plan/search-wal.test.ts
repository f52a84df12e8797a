import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { WalFile } from '../../../../src/formats/contract/format.ts';
import { formatSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { searchWal } from '../../../../src/wal/plan/search-wal.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

const MIB = 2 ** 20;
const WAL = new URL('../../../fixtures/postgres/wal_marks.17.gz', import.meta.url);
const AT_SYSTEM_IDENTIFIER = 24;

it('looks into no segment of another cluster, but into its twin', async () => {
  const own = gunzipSync(fs.readFileSync(WAL)).subarray(0, MIB);
  const header = readWalPageHeader(own);
  if (!header) throw new Error('no segment');
  const foreign = Buffer.from(own);
  foreign.writeBigUInt64LE(4711n, AT_SYSTEM_IDENTIFIER);
  const { timeline, systemIdentifier } = header;
  const segmentNumber = Number(parseLsn(header.pageLsn) / BigInt(MIB));
  const name = formatSegmentName({ timeline, segmentNumber }, MIB);
  const store = new MemoryStore({});
  store.objects.set('foreign', { content: foreign }).set('own', { content: own });
  const file = (key: string, twins?: WalFile[]): WalFile => ({
    name,
    key,
    sizeBytes: MIB,
    layers: [],
    ...(twins ? { twins } : {}),
  });
  const lastEnd = (of: WalFile, options: Parameters<typeof searchWal>[2]) =>
    searchWal(store, MIB, options).lastEnd({ files: [of], leftAt: new Map() });

  const wanted = await lastEnd(file('own'), { systemIdentifier });
  expect(wanted?.mark).toBeDefined();
  expect(await lastEnd(file('foreign', [file('own')]), { systemIdentifier })).toEqual(wanted);
  await expect(lastEnd(file('foreign'), { systemIdentifier })).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringMatching(`foreign is of another cluster .* 4711 where ${systemIdentifier} is expected`),
  });
  // Where it is not known which cluster's it has to be, each is taken.
  expect(await lastEnd(file('foreign'), {})).toEqual(wanted);
});
