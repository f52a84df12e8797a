import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeTar, type TarMember } from '../../src/docker/client/make-tar.ts';
import {
  type ArchivedImage,
  BUILD_LABEL,
  blobPath,
  MANIFEST,
  VERSION_LABEL,
} from '../../src/restore/image/archive-format.ts';
import type { BuiltFile } from '../build/make-dist.ts';
import type { BaseImage, ImageConfig } from './base-image.ts';
import type { ImageRecipe } from './dockerfile.ts';

const ROOT = { uid: 0, gid: 0 };
const BLOCK_BYTES = 512;

/** What the image says of itself. */
export interface AboutImage {
  version: string;
  build: string;
  createdAt: string;
}

/**
 * Writes the archive of the restore image: the base's layers, and one with what the recipe copies. No engine builds it,
 * so nothing in it depends on when and where that was done.
 * @param built what the recipe copies from, by path
 * @param about `createdAt` (ISO 8601) stands in its configuration
 */
export async function writeImage(
  file: string,
  base: BaseImage,
  recipe: ImageRecipe,
  built: ReadonlyMap<string, BuiltFile>,
  about: AboutImage,
): Promise<void> {
  const layer = makeLayer(recipe, built);
  const layers = [...base.layers.map(({ digest }) => digest), digestOf(layer)];
  const config = Buffer.from(JSON.stringify(configure(base.config, recipe, layers, about)));
  const image: ArchivedImage = {
    Config: blobPath(digestOf(config)),
    RepoTags: [`odo:${about.version}`],
    Layers: layers.map(blobPath),
  };
  const once = new Map(base.layers.map((one) => [one.digest, one.file]));

  async function* archive(): AsyncGenerator<Uint8Array> {
    for (const [digest, source] of once) {
      const { size } = fs.statSync(source);
      yield headerOf(blobPath(digest), size);
      yield* fs.createReadStream(source, { highWaterMark: 1 << 20 });
      yield Buffer.alloc(-size & (BLOCK_BYTES - 1));
    }
    const rest: [string, Buffer][] = [
      [blobPath(digestOf(layer)), layer],
      [image.Config, config],
      [MANIFEST, Buffer.from(JSON.stringify([image]))],
    ];
    yield makeTar(
      rest.map(([name, content]): TarMember => ({ path: name, type: 'file', mode: 0o644, content })),
      ROOT,
    );
  }
  await pipeline(Readable.from(archive()), createGzip({ level: 6 }), fs.createWriteStream(file));
}

/** The folders that the files lie in are part of it, since a layer says what its folders are like. */
function makeLayer({ copies }: ImageRecipe, built: ReadonlyMap<string, BuiltFile>): Buffer {
  const members = new Map<string, TarMember>();
  for (const { sources, folder } of copies) {
    const names = folder.split('/').filter((name) => name !== '');
    for (let count = 1; count <= names.length; count++) {
      const parent = `${names.slice(0, count).join('/')}/`;
      members.set(parent, { path: parent, type: 'directory', mode: 0o755 });
    }
    for (const source of sources) {
      const file = built.get(source);
      if (!file) throw new Error(`the Dockerfile copies ${source}, which is not built`);
      const at = [...names, path.basename(source)].join('/');
      members.set(at, { path: at, type: 'file', ...file });
    }
  }
  return makeTar([...members.values()], ROOT);
}

function configure(
  { architecture, os, variant, config = {}, history = [] }: ImageConfig,
  { env, entrypoint, cmd }: ImageRecipe,
  layers: readonly string[],
  { version, build, createdAt }: AboutImage,
): ImageConfig {
  const names = env.map((entry) => entry.split('=')[0]);
  const kept = (config.Env ?? []).filter((entry) => !names.includes(entry.split('=')[0]));
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    created: createdAt,
    config: {
      ...lastingOf(config),
      Env: [...kept, ...env],
      Entrypoint: entrypoint,
      Cmd: cmd,
      Labels: { ...config.Labels, [VERSION_LABEL]: version, [BUILD_LABEL]: build },
    },
    rootfs: { type: 'layers', diff_ids: layers.map((digest) => `sha256:${digest}`) },
    history: [...history, { created: createdAt, created_by: 'COPY, ENV, ENTRYPOINT and CMD of its Dockerfile' }],
  };
}

/** What an image says of how it runs. A base that was made of a container also says how that ran. */
function lastingOf(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = ['User', 'ExposedPorts', 'Volumes', 'WorkingDir', 'StopSignal'];
  return Object.fromEntries(names.filter((name) => config[name]).map((name) => [name, config[name]]));
}

/** A header alone, for content that is not held in memory. */
function headerOf(name: string, sizeBytes: number): Buffer {
  const header = makeTar([{ path: name, type: 'file', mode: 0o644 }], ROOT).subarray(0, BLOCK_BYTES);
  header.write(sizeBytes.toString(8).padStart(11, '0'), 124);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
