import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readImageArchive } from '../../../../src/restore/image/image-archive.ts';
import { sendArchive } from '../../../../src/restore/image/send-archive.ts';
import { smallArchive } from '../../parts/image-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const { signal } = new AbortController();

async function take(pieces: AsyncIterable<Buffer>): Promise<{ bytes: Buffer; error?: unknown }> {
  const taken: Buffer[] = [];
  try {
    for await (const piece of pieces) taken.push(Buffer.from(piece));
    return { bytes: Buffer.concat(taken) };
  } catch (error) {
    return { bytes: Buffer.concat(taken), error };
  }
}

it('an archive goes out under another name, and is the same otherwise', async () => {
  const file = await smallArchive(scratchDirectory());
  const archive = await readImageArchive(file, { signal });
  const plain = gunzipSync(fs.readFileSync(file));
  const { bytes } = await take(sendArchive(archive, 'own/name:tag'));
  expect(bytes.subarray(0, archive.manifestAt).equals(plain.subarray(0, archive.manifestAt))).toBe(true);
  const manifest = JSON.parse(bytes.toString('utf8', archive.manifestAt + 512).replace(/\0.*$/s, ''));
  expect(manifest).toEqual([{ ...archive.image, RepoTags: ['own/name:tag'] }]);
  expect(archive.image.RepoTags).toEqual(['odo:9.8.7']);
});

it('an archive that is changed after it was looked at ends without saying what it is', async () => {
  const folder = scratchDirectory();
  const file = await smallArchive(folder);
  const archive = await readImageArchive(file, { signal });
  fs.rmSync(file);
  await smallArchive(folder, { version: '9.8.7', build: 'another', createdAt: '2026-11-30T08:00:00.000Z' });
  const { bytes, error } = await take(sendArchive(archive, 'own/name:tag'));
  expect(error).toMatchObject({ code: 'dataCorrupt', message: expect.stringContaining('was changed') });
  expect(bytes.includes('manifest.json')).toBe(false);
});
