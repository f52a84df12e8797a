import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import { recheckPages, verifyStaged } from '../../../../src/restore/lay-down/verify-cluster.ts';
import { incomingDir } from '../../../../src/tree/places/place.ts';
import { plainChecksum } from '../../parts/plain-checksum.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const PAGE_BYTES = 32_768;
const AT = { blockSize: 216, dataChecksums: 252, crc: 288 };
const signal = new AbortController().signal;

/** The control file of a server that was built with pages of 32 KiB, with data checksums. */
function control(): Buffer {
  const bytes = fs.readFileSync(new URL('../../../fixtures/postgres/pg_control.17', import.meta.url));
  bytes.writeUInt32LE(PAGE_BYTES, AT.blockSize);
  bytes.writeUInt32LE(1, AT.dataChecksums);
  bytes.writeUInt32LE(crc32c(bytes, 0, AT.crc), AT.crc);
  return bytes;
}

/** A relation of so many sound pages. */
function relation(pages: number): Buffer {
  const all = Array.from({ length: pages }, (_, block) => {
    const page = Buffer.alloc(PAGE_BYTES, 0x5a);
    page.writeBigUInt64LE(1n, 0);
    page.writeUInt16LE(plainChecksum(page, block), 8);
    return page;
  });
  return Buffer.concat(all);
}

describe('the pages of a server that was built with larger ones', () => {
  let places: ClusterPlaces;
  let file: string;

  beforeEach(() => {
    const root = path.join(scratchDirectory(), 'pgdata');
    const pgdata = { root, odoDir: path.join(root, '.odo') };
    places = { pgdata, tablespaces: [] };
    for (const where of [root, incomingDir(pgdata)]) {
      plantTree(where, { 'base/5/16384': '', 'global/pg_control': '' });
      fs.writeFileSync(path.join(where, 'base/5/16384'), relation(3));
      fs.writeFileSync(path.join(where, 'global/pg_control'), control());
    }
    file = path.join(root, 'base/5/16384');
  });

  const verify = () =>
    verifyStaged(
      { places, backup: { beginLsn: 'FFFFFFFF/0' }, recovery: { unattended: false } },
      () => undefined,
      signal,
    );

  it('are sound as they are', async () => {
    expect(await verify()).toEqual({ pages: 3, suspects: [] });
  });

  it('are named when one is damaged, and looked at again after recovery', async () => {
    const staged = path.join(incomingDir(places.pgdata), 'base/5/16384');
    for (const each of [staged, file]) {
      const content = fs.readFileSync(each);
      content[PAGE_BYTES + 30_000] = 0;
      fs.writeFileSync(each, content);
    }
    const { suspects } = await verify();
    expect(suspects).toMatchObject([{ file: 'base/5/16384', page: 1, block: 1 }]);
    expect(() => recheckPages(places, suspects)).toThrow(/block 1 of .*base\/5\/16384/);
    fs.writeFileSync(file, relation(3));
    expect(() => recheckPages(places, suspects)).not.toThrow();
  });
});
