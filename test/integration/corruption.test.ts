import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyPages } from '../../src/cluster/verify-pages.ts';
import { parsePgControl } from '../../src/postgres/files/pg-control.ts';
import { odo } from './parts/odo.ts';
import { createBucket, emptyBucket, listKeys, putObject, readObject } from './parts/s3.ts';
import { startSource } from './parts/source-cluster.ts';

type Objects = Map<string, Buffer>;

const BLOCK_BYTES = 512;

interface Member {
  name: string;
  /** Where its header begins. */
  at: number;
  sizeBytes: number;
  /** Where what follows it begins. */
  end: number;
}

/** The members of a tar as pg_basebackup writes it: ustar, without extended headers. */
function membersOf(tar: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; tar[at] !== 0 && at < tar.length; ) {
    const sizeBytes = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const end = at + BLOCK_BYTES + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    members.push({ name: tar.toString('latin1', at, at + 100).replace(/\0.*$/s, ''), at, sizeBytes, end });
    at = end;
  }
  return members;
}

function memberOf(tar: Buffer, wanted: RegExp): Member {
  const found = membersOf(tar).find(({ name, sizeBytes }) => wanted.test(name) && sizeBytes > 0);
  if (!found) throw new Error(`no member like ${wanted}`);
  return found;
}

function renamed(member: Buffer, name: string): Buffer {
  const copy = Buffer.from(member);
  copy.fill(0, 0, 100).write(name, 0, 'latin1');
  copy.fill(' ', 148, 156);
  const sum = copy.subarray(0, BLOCK_BYTES).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return copy;
}

/** Damage that a plain tar in a store hides: there is no gzip whose CRC would tell. */
describe('a damaged pg_basebackup set is refused before the swap', () => {
  let bucket: string;
  let directory: string;
  let tablespace: string;
  let whole: Objects;
  let other: Objects;
  let sets = 0;

  // PostgreSQL 18, whose clusters have data checksums unless asked otherwise
  beforeAll(async () => {
    bucket = await createBucket();
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-corruption-'));
    const source = await startSource({ major: 18, bucket, prefix: 'backups', server: 'shop' });
    try {
      await source.exec(['mkdir', '-p', '/tmp/space']);
      await source.sql("create tablespace space location '/tmp/space'");
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
      await source.sql('create table elsewhere tablespace space as select * from things');
      const flags = ['-Ft', '-X', 'stream', '--tablespace-mapping=/tmp/space=/tmp/space-copy'];
      await source.baseBackup('whole/20251024T020000', flags);
      await source.baseBackup('other/20251024T020000', ['-Ft', '-X', 'stream', '--manifest-checksums=SHA256']);
      whole = await objectsOf('whole/20251024T020000/');
      other = await objectsOf('other/20251024T020000/');
    } finally {
      await source.remove();
    }
    tablespace = [...whole.keys()].find((name) => /^\d+\.tar$/.test(name)) as string;
  });

  afterAll(async () => {
    if (bucket) await emptyBucket(bucket);
    if (directory) fs.rmSync(directory, { recursive: true, force: true });
  });

  async function objectsOf(prefix: string): Promise<Objects> {
    const objects: Objects = new Map();
    for (const key of await listKeys(bucket, prefix))
      objects.set(key.slice(prefix.length), await readObject(bucket, key));
    return objects;
  }

  /** Restores a set in which `name` is what `change` makes of it. */
  async function restore(name: string, change: (content: Buffer) => Buffer, base = whole) {
    const number = ++sets;
    const prefix = `damaged-${number}/20251024T020000`;
    for (const [key, content] of base)
      await putObject(bucket, `${prefix}/${key}`, key === name ? change(Buffer.from(content)) : content);
    const into = path.join(directory, `pgdata-${number}`);
    const space = path.join(directory, `space-${number}`);
    const oid = tablespace.replace('.tar', '');
    const outcome = await odo([
      'restore',
      '-u',
      `s3://${bucket}/${prefix}`,
      '--into',
      into,
      '--tablespace',
      `${oid}=${space}`,
    ]);
    return { ...outcome, into, space };
  }

  async function expectRefused(name: string, change: (content: Buffer) => Buffer, ...words: string[]): Promise<void> {
    const { code, stderr, into } = await restore(name, change);
    expect(stderr).toMatch(new RegExp(words.join('[^]*')));
    expect(code).toBe(14);
    expect(fs.existsSync(path.join(into, 'PG_VERSION'))).toBe(false);
  }

  const flip = (wanted: RegExp, offset: number) => (tar: Buffer) => {
    const { at } = memberOf(tar, wanted);
    tar[at + BLOCK_BYTES + offset] = (tar[at + BLOCK_BYTES + offset] as number) ^ 0x20;
    return tar;
  };

  it.each(['whole', 'other'])(
    'while the %s one is not, and its pages have the checksums that the server gave them',
    async (which) => {
      const { code, stderr, into, space } = await restore('', (content) => content, which === 'whole' ? whole : other);
      expect(stderr).not.toContain('error:');
      expect(code).toBe(0);
      const control = parsePgControl(fs.readFileSync(path.join(into, 'global/pg_control')));
      expect(control.dataChecksumVersion).toBe(1);
      const options = {
        pageBytes: control.blockSizeBytes,
        segmentBlocks: control.relationSegmentBlocks,
        startLsn: 'FFFFFFFF/FFFFFFFF',
        tablespaces: [space],
      };
      const { pages, badCount } = await verifyPages(into, options);
      expect(pages).toBeGreaterThan(2000);
      expect(badCount).toBe(0);
    },
  );

  it('for one bit in a table', () =>
    expectRefused('base.tar', flip(/^base\/5\/\d+$/, 5000), 'base\\.tar: base/5/\\d+ \\(at byte \\d+', 'CRC32C'));

  it('for one bit in a tablespace', () => expectRefused(tablespace, flip(/^PG_18.*\d$/, 77), tablespace, 'CRC32C'));

  it('for one bit in pg_control', () =>
    expectRefused('base.tar', flip(/^global\/pg_control$/, 300), 'base\\.tar: global/pg_control', 'CRC32C'));

  it('for one bit in postgresql.auto.conf', () =>
    expectRefused('base.tar', flip(/^postgresql.auto.conf$/, 3), 'postgresql.auto.conf', 'CRC32C'));

  it('for a member that is missing', () =>
    expectRefused(
      'base.tar',
      (tar) => {
        const { at, end } = memberOf(tar, /^global\/pg_filenode.map$/);
        return Buffer.concat([tar.subarray(0, at), tar.subarray(end)]);
      },
      'base\\.tar lacks global/pg_filenode\\.map',
    ));

  it('for a member too many', () =>
    expectRefused(
      'base.tar',
      (tar) => {
        const { at, end } = memberOf(tar, /^PG_VERSION$/);
        return Buffer.concat([tar.subarray(0, end), renamed(tar.subarray(at, end), 'base/5/99999'), tar.subarray(end)]);
      },
      'base\\.tar: base/5/99999',
      'not in',
    ));

  it('for a member that comes twice', () =>
    expectRefused(
      'base.tar',
      (tar) => {
        const { at, end } = memberOf(tar, /^PG_VERSION$/);
        return Buffer.concat([tar.subarray(0, end), tar.subarray(at)]);
      },
      'base\\.tar: PG_VERSION',
      'twice',
    ));

  it('for one digit in the manifest', () =>
    expectRefused(
      'backup_manifest',
      (content) =>
        Buffer.from(content.toString().replace('"Path": "PG_VERSION", "Size": 3', '"Path": "PG_VERSION", "Size": 4')),
      'backup_manifest',
      'SHA256',
    ));

  it('for the manifest of another backup', () =>
    expectRefused('backup_manifest', () => other.get('backup_manifest') as Buffer, 'backup_label', 'other|where'));

  it('for a segment of WAL from elsewhere', () =>
    expectRefused('pg_wal.tar', flip(/^[0-9A-F]{24}$/, 9), 'pg_wal\\.tar', 'place in the WAL'));
});
