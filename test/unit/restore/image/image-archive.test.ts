import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { readImageArchive } from '../../../../src/restore/image/image-archive.ts';
import { ABOUT, smallArchive } from '../../parts/image-archive.ts';
import { makeTar } from '../../parts/make-tar.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const { signal } = new AbortController();
const read = (file: string) => readImageArchive(file, { signal });

const damaged = expect.objectContaining({
  code: 'dataCorrupt',
  message: expect.stringContaining('is damaged'),
  hint: expect.stringContaining('SHA256SUMS'),
});
const foreign = expect.objectContaining({
  code: 'versionMismatch',
  message: expect.stringContaining("is not an archive of ODO's restore image"),
});

describe('the archive of a restore image', () => {
  let folder: string;
  let file: string;
  let packed: Buffer;
  let members: Record<string, Buffer>;

  beforeEach(async () => {
    folder = scratchDirectory();
    file = await smallArchive(folder);
    packed = fs.readFileSync(file);
    members = membersOf(gunzipSync(packed));
  });

  /** The content in a file of its own. */
  function fileOf(content: Buffer): string {
    const other = path.join(scratchDirectory(), 'some.tar.gz');
    fs.writeFileSync(other, content);
    return other;
  }

  /** The archive with some members changed; those that are undefined are left out. */
  async function changed(changes: Record<string, Buffer | string | undefined>): Promise<string> {
    const { 'manifest.json': manifest, ...blobs } = { ...members, ...changes };
    const kept = Object.entries({ ...blobs, 'manifest.json': manifest }).filter(([, content]) => content !== undefined);
    return fileOf(gzipSync(await makeTar(Object.fromEntries(kept) as Record<string, Buffer>), { level: 1 }));
  }

  const manifest = () => JSON.parse(String(members['manifest.json'])) as { Config: string; Layers: string[] }[];

  it('is read to its end, and says what it holds', async () => {
    let bytes = 0;
    const archive = await readImageArchive(file, { signal, tellRead: (more) => (bytes += more) });
    expect(bytes).toBe(packed.length);
    expect(archive).toMatchObject({ file, version: ABOUT.version, build: ABOUT.build });
    expect(archive.layers.map((layer) => `blobs/sha256/${layer.replace('sha256:', '')}`)).toEqual(
      manifest()[0]?.Layers,
    );
    expect(archive.layers).toHaveLength(3);
    expect(archive.unpackedBytes).toBeGreaterThan(400_000);
    expect(await read(await changed({}))).toMatchObject({ build: ABOUT.build });
  });

  it('is refused where a byte is another one, wherever that is', async () => {
    for (const at of [20, packed.length >> 1, packed.length - 6]) {
      const bytes = Buffer.from(packed);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x55, at);
      await expect(read(fileOf(bytes)), `byte ${at}`).rejects.toEqual(damaged);
    }
  });

  it('is refused where its end is missing', async () => {
    for (const length of [11, packed.length >> 1, packed.length - 1])
      await expect(read(fileOf(packed.subarray(0, length))), `${length} bytes`).rejects.toEqual(damaged);
  });

  it('is refused where something is not what its name says', async () => {
    const [layer = ''] = manifest()[0]?.Layers ?? [];
    await expect(read(await changed({ [layer]: 'another layer' }))).rejects.toEqual(damaged);
    await expect(read(await changed({ [layer]: undefined }))).rejects.toEqual(damaged);
    await expect(read(await changed({ [manifest()[0]?.Config ?? '']: undefined }))).rejects.toEqual(damaged);
    const upsideDown = manifest().map((image) => ({ ...image, Layers: image.Layers.toReversed() }));
    await expect(read(await changed({ 'manifest.json': JSON.stringify(upsideDown) }))).rejects.toEqual(damaged);
  });

  it('is told from other files', async () => {
    await expect(read(fileOf(Buffer.from('some text\n')))).rejects.toEqual(foreign);
    await expect(read(fileOf(gzipSync(await makeTar({ 'package/package.json': '{}' }))))).rejects.toEqual(foreign);
    await expect(read(await changed({ 'manifest.json': undefined }))).rejects.toEqual(foreign);
    await expect(read(await changed({ 'manifest.json': '[]' }))).rejects.toEqual(foreign);
    await expect(
      read(await changed({ 'manifest.json': JSON.stringify([...manifest(), ...manifest()]) })),
    ).rejects.toEqual(foreign);
    await expect(read(await changed({ 'manifest.json': 'no JSON' }))).rejects.toEqual(foreign);
  });

  it('is told from the archive of another image', async () => {
    const { createHash } = await import('node:crypto');
    const [image] = manifest();
    const config = JSON.parse(String(members[image?.Config ?? ''])) as { config: object };
    const unlabelled = Buffer.from(JSON.stringify({ ...config, config: { ...config.config, Labels: null } }));
    const Config = `blobs/sha256/${createHash('sha256').update(unlabelled).digest('hex')}`;
    const changes = { [image?.Config ?? '']: undefined, [Config]: unlabelled };
    const other = await changed({ ...changes, 'manifest.json': JSON.stringify([{ ...image, Config }]) });
    await expect(read(other)).rejects.toEqual(foreign);
    const more = Buffer.from('more than it tells of');
    const path = `blobs/sha256/${createHash('sha256').update(more).digest('hex')}`;
    await expect(read(await changed({ [path]: more }))).rejects.toEqual(foreign);
  });

  it('is a matter of usage where it cannot be read', async () => {
    const missing = expect.objectContaining({ code: 'usage', message: expect.stringMatching(/cannot read .*ENOENT/) });
    await expect(read(path.join(folder, 'nothing'))).rejects.toEqual(missing);
  });
});

function membersOf(tar: Buffer): Record<string, Buffer> {
  const members: Record<string, Buffer> = {};
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    members[name] = tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}
