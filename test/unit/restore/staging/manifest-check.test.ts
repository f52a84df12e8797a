import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Backup, Part } from '../../../../src/formats/contract/format.ts';
import { openManifestCheck } from '../../../../src/restore/staging/manifest-check.ts';
import type { TarEntry } from '../../../../src/stream/bytes/entry.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

const BASE: Part = { role: 'base', key: 'set/base.tar', sizeBytes: 1, layers: [] };
const SPACE: Part = { role: 'tablespace', key: 'set/16391.tar', sizeBytes: 1, layers: [], oid: 16391 };
const WAL: Part = { role: 'wal', key: 'set/pg_wal.tar', sizeBytes: 1, layers: [] };

/** CRC32C of "123456789", as the manifest shows it. */
const NINE = '{ "Path": "base/1", "Size": 9, "Checksum-Algorithm": "CRC32C", "Checksum": "839206e3" }';
const ABC = createHash('sha256').update('abc').digest('hex');
const SHA = `{ "Path": "pg_tblspc/16391/PG_17/5/1", "Size": 3, "Checksum-Algorithm": "SHA256", "Checksum": "${ABC}" }`;
const NO_SUM = '{ "Path": "backup_label", "Size": 5 }';
const CONF = '{ "Path": "postgresql.auto.conf", "Size": 9, "Checksum-Algorithm": "CRC32C", "Checksum": "839206e3" }';

async function open(...lines: string[]) {
  const files = lines.join(',\n');
  const signed = `{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${files}\n],\n"WAL-Ranges": [\n],\n`;
  const text = `${signed}"Manifest-Checksum": "${createHash('sha256').update(signed).digest('hex')}"}\n`;
  const backup = { manifestKey: 'set/backup_manifest' } as Backup;
  const check = await openManifestCheck(new MemoryStore({ 'set/backup_manifest': text }), backup);
  if (!check) throw new Error('there is a manifest');
  return check;
}

type PartCheck = Awaited<ReturnType<Awaited<ReturnType<typeof open>>['begin']>>;

/** Has a file checked; tells what reached the writer. */
function come(part: PartCheck, path: string, content: string, type: TarEntry['type'] = 'file'): string {
  let written = '';
  const entry = { path, type, mode: 0o600, uid: 0, gid: 0, mtimeMs: 0, sizeBytes: content.length, offsetBytes: 512 };
  const sink = part.watch(entry, () => ({
    write(chunk) {
      written += chunk.toString();
    },
    end: () => undefined,
  }));
  for (const piece of [content.slice(0, 2), content.slice(2)]) sink.write(Buffer.from(piece));
  sink.end();
  return written;
}

const corrupt = (...words: string[]) =>
  expect.objectContaining({ code: 'dataCorrupt', message: expect.stringMatching(words.join('.*')) });

it('is not there for a backup without a manifest', async () => {
  expect(await openManifestCheck(new MemoryStore({}), {} as Backup)).toBeUndefined();
});

it('lets whole parts through, whichever the algorithm', async () => {
  const check = await open(NINE, SHA, NO_SUM);
  const base = await check.begin(BASE);
  expect(come(base, 'base/1', '123456789')).toBe('123456789');
  come(base, 'base', '', 'directory');
  come(base, 'backup_label', 'label');
  come(base, 'pg_wal/000000010000000000000001', 'no manifest covers WAL');
  base.finish();
  const space = await check.begin(SPACE);
  come(space, 'PG_17/5/1', 'abc');
  space.finish();
  const wal = await check.begin(WAL);
  come(wal, '000000010000000000000002', 'nor here');
  wal.finish();
  check.finish();
});

describe('a part that is not what the manifest says', () => {
  it('is refused for a changed byte, naming object, file, offset and manifest', async () => {
    const base = await (await open(NINE)).begin(BASE);
    const words = ['s3://bucket/set/base.tar', 'base/1', 'byte 512', 'CRC32C', 's3://bucket/set/backup_manifest'];
    expect(() => come(base, 'base/1', '123456780')).toThrow(corrupt(...words));
  });

  it('is refused for another size before anything is written', async () => {
    const base = await (await open(NINE)).begin(BASE);
    expect(() =>
      base.watch({ path: 'base/1', type: 'file', sizeBytes: 8 } as TarEntry, () => expect.unreachable()),
    ).toThrow(corrupt('base/1', '8 bytes', '9'));
  });

  it('is refused for a file that the manifest does not list, or that comes twice', async () => {
    const base = await (await open(NINE)).begin(BASE);
    come(base, 'base/1', '123456789');
    expect(() => come(base, 'base/2', '')).toThrow(corrupt('base/2', 'not in'));
    expect(() => come(base, 'base/1', '123456789')).toThrow(corrupt('base/1', 'twice'));
  });

  it('is refused for a hard link, which no server lists', async () => {
    const base = await (await open(NINE)).begin(BASE);
    expect(() => come(base, 'base/2', '', 'link')).toThrow(corrupt('base/2', 'not in'));
  });

  it('is refused at its end when a file has not come', async () => {
    const check = await open(NINE, SHA, ...Array.from({ length: 7 }, (_, n) => `{ "Path": "global/${n}", "Size": 0 }`));
    const base = await check.begin(BASE);
    expect(() => base.finish()).toThrow(corrupt('base.tar lacks base/1, global/0', 'and 3 more'));
    expect(() => check.finish()).toThrow(corrupt('lacks'));
  });

  it('is refused as a whole when no part brings a file', async () => {
    const check = await open(NINE, SHA);
    come(await check.begin(BASE), 'base/1', '123456789');
    expect(() => check.finish()).toThrow(corrupt('pg_tblspc/16391/PG_17/5/1'));
  });
});

it('leaves out what an interrupted run had laid down', async () => {
  const check = await open(NINE, NO_SUM, SHA);
  check.skip(BASE);
  expect(() => check.finish()).toThrow(corrupt('PG_17/5/1'));
  check.skip(SPACE);
  check.finish();
});

it('lets pg_basebackup -R change postgresql.auto.conf, and nobody else', async () => {
  const changed = await (await open(CONF)).begin(BASE);
  come(changed, 'postgresql.auto.conf', '123456789 and where the primary is');
  come(changed, 'standby.signal', '');
  changed.finish();
  const alone = await (await open(CONF)).begin(BASE);
  come(alone, 'postgresql.auto.conf', '12345678x');
  expect(() => alone.finish()).toThrow(corrupt('postgresql.auto.conf'));
});

it.each([
  ['twice', [NINE, NINE], 'base/1 a second time'],
  ['with an algorithm that is not known', [NINE.replace('CRC32C', 'MD5')], 'MD5'],
  ['with an algorithm and no checksum', ['{ "Path": "a", "Size": 1, "Checksum-Algorithm": "CRC32C" }'], 'CRC32C'],
])('refuses a manifest that lists a file %s', async (_how, lines, message) => {
  await expect(open(...lines)).rejects.toThrow(corrupt('s3://bucket/set/backup_manifest', message));
});
