import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { EntrySink } from '../../src/stream/bytes/entry.ts';
import { untar } from '../../src/stream/bytes/untar.ts';

/** The configuration of an image, as far as it is handed on. https://github.com/opencontainers/image-spec */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant?: string;
  created?: string;
  config?: Record<string, unknown> & { Env?: string[] | null; Labels?: Record<string, string> | null };
  rootfs: { type: string; diff_ids: string[] };
  history?: object[];
}

/** An image that layers can be put on. */
export interface BaseImage {
  /** The digest of its configuration, by which the engine knows it. */
  id: string;
  config: ImageConfig;
  /** Files with its unpacked layers, named by their digests, from the bottom up. */
  layers: { digest: string; file: string }[];
}

/**
 * Takes an image out of the engine, and pulls it first where the engine lacks it. The layers are checked against the
 * digests that the image's configuration has of them.
 * @param folder gets the files
 */
export async function saveImage(name: string, folder: string): Promise<BaseImage> {
  const isThere = () => {
    try {
      execFileSync('docker', ['image', 'inspect', name], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (!isThere()) execFileSync('docker', ['pull', '-q', name], { stdio: ['ignore', 'ignore', 'inherit'] });
  const files = await unpack(name, folder);
  const [image] = JSON.parse(readMember(files, 'manifest.json')) as { Config: string; Layers: string[] }[];
  if (!image) throw new Error(`docker save gives no image ${name}`);
  const text = readMember(files, image.Config);
  const config = JSON.parse(text) as ImageConfig;
  if (config.os !== 'linux' || config.architecture !== 'amd64')
    throw new Error(`${name} is for ${config.os} on ${config.architecture}, and the native code is for amd64`);
  const layers = image.Layers.map((layer, at) => {
    const file = files.get(layer);
    const digest = config.rootfs.diff_ids[at]?.replace('sha256:', '');
    if (file === undefined || digest === undefined) throw new Error(`docker save gives no layer ${layer} of ${name}`);
    unzip(file);
    const found = createHash('sha256').update(fs.readFileSync(file)).digest('hex');
    if (found !== digest) throw new Error(`layer ${digest} of ${name} comes as ${found}`);
    return { digest, file };
  });
  return { id: createHash('sha256').update(text).digest('hex'), config, layers };
}

async function unpack(name: string, folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const saving = spawn('docker', ['save', name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => void saving.on('close', resolve));
  const links: [string, string][] = [];
  await untar(
    saving.stdout as AsyncIterable<Buffer>,
    ({ path: member, type, linkName = '' }) => {
      // Old engines name a layer that they have written already by a link.
      if (type === 'symlink') links.push([member, path.posix.join(path.posix.dirname(member), linkName)]);
      if (type !== 'file') return { write: () => undefined, end: () => undefined };
      const file = path.join(folder, String(files.size));
      files.set(member, file);
      return writingTo(file);
    },
    { name: `docker save ${name}` },
  );
  const status = await ended;
  if (status !== 0) throw new Error(`docker save ${name} ended with ${status}`);
  for (const [from, to] of links) if (files.has(to)) files.set(from, files.get(to) as string);
  return files;
}

function writingTo(file: string): EntrySink {
  const fd = fs.openSync(file, 'wx');
  return {
    write: (chunk) => fs.writeFileSync(fd, chunk),
    end: () => fs.closeSync(fd),
  };
}

/** An engine that keeps images as it has pulled them hands layers out packed. */
function unzip(file: string): void {
  const magic = Buffer.alloc(2);
  const fd = fs.openSync(file, 'r');
  fs.readSync(fd, magic, 0, 2, 0);
  fs.closeSync(fd);
  if (magic.readUInt16BE(0) === 0x1f8b) fs.writeFileSync(file, gunzipSync(fs.readFileSync(file)));
}

function readMember(files: ReadonlyMap<string, string>, member: string): string {
  const file = files.get(member);
  if (file === undefined) throw new Error(`docker save gives no ${member}`);
  return fs.readFileSync(file, 'utf8');
}
