import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { writeImage } from '../../../scripts/package/write-image.ts';
import { untar } from '../../../src/stream/bytes/untar.ts';
import { ABOUT, RECIPE, smallArchive, smallBase } from '../parts/image-archive.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';

describe("the image's archive", () => {
  let members: Map<string, { content: Buffer; mode: number; mtimeMs: number; type: string }>;
  let config: Record<string, unknown> & { config: Record<string, unknown>; rootfs: { diff_ids: string[] } };
  let layers: string[];

  beforeEach(async () => {
    members = await membersOf(gunzipSync(fs.readFileSync(await smallArchive(scratchDirectory()))));
    const [image] = JSON.parse(String(members.get('manifest.json')?.content)) as [{ Config: string; Layers: string[] }];
    config = JSON.parse(String(members.get(image.Config)?.content));
    layers = image.Layers;
  });

  it('is the same each time, whenever and wherever it is made', async () => {
    const [first, second] = await Promise.all([smallArchive(scratchDirectory()), smallArchive(scratchDirectory())]);
    expect(fs.readFileSync(first).equals(fs.readFileSync(second))).toBe(true);
    expect([...members.values()].map(({ mtimeMs }) => mtimeMs)).toEqual([...members].map(() => 0));
  });

  it('ends with what says what it is', () => {
    expect([...members.keys()].at(-1)).toBe('manifest.json');
  });

  it('puts one layer on the base, with the program and its folders', async () => {
    const { layers: below } = smallBase(scratchDirectory());
    expect(layers.slice(0, 2)).toEqual(below.map(({ digest }) => `blobs/sha256/${digest}`));
    const top = await membersOf(members.get(layers[2] ?? '')?.content ?? Buffer.alloc(0));
    const modes = [...top].map(([name, { mode, type }]) => [name, type, mode]);
    expect(modes).toEqual([
      ['usr', 'directory', 0o755],
      ['usr/lib', 'directory', 0o755],
      ['usr/lib/odo', 'directory', 0o755],
      ['usr/lib/odo/odo.mjs', 'file', 0o755],
    ]);
    expect(String(top.get('usr/lib/odo/odo.mjs')?.content)).toBe('the program');
  });

  it('runs as the recipe says, and says what it is', () => {
    expect(config).toMatchObject({ architecture: 'amd64', os: 'linux', created: ABOUT.createdAt });
    expect(config.rootfs.diff_ids).toHaveLength(3);
    expect(config.config).toEqual({
      WorkingDir: '/data',
      Env: ['PATH=/bin', ...RECIPE.env],
      Entrypoint: RECIPE.entrypoint,
      Cmd: RECIPE.cmd,
      Labels: { of: 'the base', 'odo.image.version': ABOUT.version, 'odo.image.build': ABOUT.build },
    });
  });

  it('is refused where something that it copies is not built', async () => {
    const folder = scratchDirectory();
    const writing = writeImage(`${folder}/image`, smallBase(folder), RECIPE, new Map(), ABOUT);
    await expect(writing).rejects.toThrow('copies dist/odo.mjs, which is not built');
  });
});

async function membersOf(tar: Buffer) {
  const members = new Map<string, { content: Buffer; mode: number; mtimeMs: number; type: string }>();
  await untar(
    (async function* () {
      yield tar;
    })(),
    ({ path, mode, mtimeMs, type }) => {
      const chunks: Buffer[] = [];
      return {
        write: (chunk) => void chunks.push(Buffer.from(chunk)),
        end: () => void members.set(path, { content: Buffer.concat(chunks), mode, mtimeMs, type }),
      };
    },
    { name: 'the archive' },
  );
  return members;
}
