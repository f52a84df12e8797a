import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { BaseImage } from '../../../scripts/package/base-image.ts';
import type { ImageRecipe } from '../../../scripts/package/dockerfile.ts';
import { writeImage } from '../../../scripts/package/write-image.ts';

export const RECIPE: ImageRecipe = {
  base: 'node:24',
  copies: [{ sources: ['dist/odo.mjs'], folder: '/usr/lib/odo/' }],
  env: ['ODO_IN_CONTAINER=1', 'LANG=C'],
  entrypoint: ['node', '/usr/lib/odo/odo.mjs'],
  cmd: ['restore'],
};

export const BUILT = new Map([['dist/odo.mjs', { content: Buffer.from('the program'), mode: 0o755 }]]);

export const ABOUT = { version: '9.8.7', build: 'abcdef012345', createdAt: '2026-11-30T08:00:00.000Z' };

/** A base image of two layers, the larger of which is no text and does not compress. */
export function smallBase(folder: string): BaseImage {
  const contents = [Buffer.from('a small layer'), noise(400_000)];
  const layers = contents.map((content, at) => {
    const file = path.join(folder, `layer-${at}`);
    fs.writeFileSync(file, content);
    return { file, digest: createHash('sha256').update(content).digest('hex') };
  });
  return {
    id: '0123',
    layers,
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2020-01-01T00:00:00Z',
      config: {
        Env: ['PATH=/bin', 'LANG=de_DE'],
        Labels: { of: 'the base' },
        ...{ Hostname: 'vm', WorkingDir: '/data' },
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
      history: [{ created_by: 'the base' }],
    },
  };
}

/** The archive of an image on that base; gives its path. */
export async function smallArchive(folder: string, about = ABOUT): Promise<string> {
  const file = path.join(folder, 'odo-image-9.8.7.tar.gz');
  await writeImage(file, smallBase(folder), RECIPE, BUILT, about);
  return file;
}

function noise(bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 64) }, (_, at) =>
    createHash('sha512').update(`${at}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes);
}
