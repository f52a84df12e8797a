import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ManifestFile, parseManifest } from '../../../../src/postgres/files/backup-manifest.ts';
import { readManifest } from '../../../../src/postgres/files/manifest-reader.ts';

async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function read(content: Buffer | string, chunkBytes = 1 << 20) {
  const files: ManifestFile[] = [];
  const summary = await readManifest(inChunks(Buffer.from(content), chunkBytes), (file) => files.push(file));
  return { ...summary, files };
}

/** A manifest with these lines in its list of files, and its own checksum. */
function manifestOf(lines: readonly string[], version = 1): string {
  const signed =
    `{ "PostgreSQL-Backup-Manifest-Version": ${version},\n"Files": [\n${lines.join(',\n')}\n],\n"WAL-Ranges": ` +
    '[\n{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }\n],\n';
  return `${signed}"Manifest-Checksum": "${createHash('sha256').update(signed).digest('hex')}"}\n`;
}

describe.each(['pg15', 'pg17'])('a manifest of %s', (server) => {
  const bytes = readFileSync(
    new URL(`../../../fixtures/basebackup/backups/${server}/20251024T100000/backup_manifest`, import.meta.url),
  );

  it.each([1 << 20, 1000, 7])('reads like the whole of it, in chunks of %i bytes', async (chunkBytes) => {
    expect(await read(bytes, chunkBytes)).toEqual(parseManifest(bytes.toString('utf8')));
  });

  it('is refused with any byte changed, left out or added', async () => {
    for (let at = 0; at < bytes.length; at += 7919) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      const longer = Buffer.concat([bytes.subarray(0, at), Buffer.from(' '), bytes.subarray(at)]);
      for (const [how, content] of Object.entries({ changed, shorter, longer })) {
        await expect(read(content), `${how} at ${at}`).rejects.toMatchObject({ name: 'OdoError', code: 'dataCorrupt' });
      }
    }
  });

  it('is refused when it was cut short', async () => {
    for (const end of [0, 1, 100, 1000, bytes.length - 100, bytes.length - 1]) {
      await expect(read(bytes.subarray(0, end)), `cut at ${end}`).rejects.toMatchObject({ code: 'dataCorrupt' });
    }
  });
});

it('reads names that are no UTF-8, and files without a checksum', async () => {
  const { files } = await read(
    manifestOf(['{ "Encoded-Path": "6c6f67e4", "Size": 3, "Last-Modified": "2026-11-21 11:48:44 GMT" }']),
  );
  expect(files).toEqual([{ path: 'log\ufffd', sizeBytes: 3 }]);
});

it.each([
  ['{ "Path": "a" }', 'line 3'],
  ['{ "Path": "a", "Size": -1 }', 'line 3'],
  ['{ "Path": "a", "Size": 1.5 }', 'line 3'],
  ['{ "Path": "a", "Size": 1', 'line 3'],
  [`{ "Path": "${'a'.repeat(100_000)}", "Size": 1 }`, 'line 3 is longer'],
])('refuses the line %.40s, and names it', async (line, message) => {
  await expect(read(manifestOf([line]), 1000)).rejects.toThrow(message);
});

it('refuses a version that is not known', async () => {
  await expect(read(manifestOf([], 3))).rejects.toThrow('version 3');
});

it('refuses a manifest without a checksum of its own', async () => {
  const text = manifestOf([]).replace(/,\n"Manifest-Checksum.*\n/, '}\n');
  await expect(read(text)).rejects.toThrow('no checksum of its own');
});
