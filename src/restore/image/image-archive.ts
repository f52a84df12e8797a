import { createHash, type Hash } from 'node:crypto';
import fs from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { cancelled, OdoError } from '../../errors.ts';
import type { EntrySink, TarEntry } from '../../stream/bytes/entry.ts';
import { untar } from '../../stream/bytes/untar.ts';
import { type ArchivedImage, BUILD_LABEL, blobPath, MANIFEST, VERSION_LABEL } from './archive-format.ts';

/** The archive of a restore image, read to its end and found whole. */
export interface ImageArchive {
  file: string;
  /** SHA-256 of the file. */
  digest: string;
  /** The version that the image's label says. */
  version: string;
  /** The build that the image's label says. */
  build: string;
  image: ArchivedImage;
  /** Digests of the unpacked layers, as engines write them, from the bottom up. */
  layers: string[];
  /** The size of all layers, unpacked. */
  unpackedBytes: number;
  /** Where the header of `manifest.json` begins in the unpacked archive. */
  manifestAt: number;
}

/** Manifest and configuration are small; only layers are larger. */
const MOST_TEXT_BYTES = 1 << 20;
const HEADER_BYTES = 512;
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;

interface Blob {
  sizeBytes: number;
  /** The content of a blob that may be the configuration. */
  text: string | undefined;
}

/** The part of an image's configuration that is looked at. */
interface Configuration {
  config?: { Labels?: Record<string, string> | null };
  rootfs?: { diff_ids?: string[] };
}

/**
 * Reads the whole archive, so that a damaged one, or another file, is known before anything of it is given to an
 * engine.
 * Errors: `usage` (it cannot be read), `dataCorrupt` (it is damaged), `versionMismatch` (it is no restore image).
 * @param tellRead told of each piece of the file that was read
 */
export async function readImageArchive(
  file: string,
  { signal, tellRead }: { signal: AbortSignal; tellRead?: (bytes: number) => void },
): Promise<ImageArchive> {
  const hash = createHash('sha256');
  const blobs = new Map<string, Blob>();
  let manifest: { text: string; at: number } | undefined;

  function begin({ path, type, sizeBytes, offsetBytes = 0 }: TarEntry): EntrySink {
    if (type === 'directory') return gather(() => undefined);
    if (type !== 'file' || manifest) throw foreign(file);
    if (path === MANIFEST && sizeBytes <= MOST_TEXT_BYTES)
      return gather((bytes) => {
        manifest = { text: bytes.toString('utf8'), at: offsetBytes - HEADER_BYTES };
      });
    const [, digest] = BLOB.exec(path) ?? [];
    if (digest === undefined) throw foreign(file);
    return digesting(sizeBytes, (found, text) => {
      if (found !== digest) throw damaged(file, `${path} is not what it is named after`);
      blobs.set(path, { sizeBytes, text });
    });
  }

  try {
    await untar(unpacked(file, hash, tellRead), begin, { name: file, signal });
  } catch (error) {
    throw translate(error, file, signal);
  }
  if (!manifest) throw foreign(file);
  return { file, digest: hash.digest('hex'), manifestAt: manifest.at, ...describe(file, manifest.text, blobs) };
}

/** The unpacked archive. The bytes of the file go into `hash`. */
export async function* unpacked(file: string, hash: Hash, tellRead?: (bytes: number) => void): AsyncGenerator<Buffer> {
  async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      tellRead?.(chunk.length);
      yield chunk;
    }
  }
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  // However the pipeline ends, gunzip ends like it, and is read here.
  pipeline(fs.createReadStream(file, { highWaterMark: 1 << 20 }), counted, gunzip, () => undefined);
  yield* gunzip as AsyncIterable<Buffer>;
}

/** Reads the manifest and the configuration. They have to tell of all that is in the archive. */
function describe(
  file: string,
  manifest: string,
  blobs: ReadonlyMap<string, Blob>,
): Pick<ImageArchive, 'image' | 'version' | 'build' | 'layers' | 'unpackedBytes'> {
  const [image, ...others] = json<ArchivedImage[]>(manifest, file);
  if (!image || others.length > 0 || !Array.isArray(image.Layers)) throw foreign(file);
  const text = blobs.get(image.Config)?.text;
  if (text === undefined) throw damaged(file, 'its configuration is missing');
  const { config, rootfs } = json<Configuration>(text, file);
  const layers = rootfs?.diff_ids ?? [];
  const paths = layers.map((layer) => blobPath(layer.replace(/^sha256:/, '')));
  if (paths.join() !== image.Layers.join()) throw damaged(file, 'it does not have the layers of its configuration');
  const missing = paths.find((path) => !blobs.has(path));
  if (missing !== undefined) throw damaged(file, `its layer ${missing} is missing`);
  if (blobs.size !== new Set([image.Config, ...paths]).size) throw foreign(file);
  const { [VERSION_LABEL]: version, [BUILD_LABEL]: build } = config?.Labels ?? {};
  if (version === undefined || build === undefined) throw foreign(file);
  const unpackedBytes = paths.reduce((sum, path) => sum + (blobs.get(path)?.sizeBytes ?? 0), 0);
  return { image, version, build, layers, unpackedBytes };
}

function json<T>(text: string, file: string): T {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // Its digest was right, so it was never any JSON.
  }
  throw foreign(file);
}

function gather(done: (bytes: Buffer) => void): EntrySink {
  const chunks: Buffer[] = [];
  return {
    write: (chunk) => void chunks.push(Buffer.from(chunk)),
    end: () => done(Buffer.concat(chunks)),
  };
}

function digesting(sizeBytes: number, done: (digest: string, text: string | undefined) => void): EntrySink {
  const hash = createHash('sha256');
  const texts: Buffer[] | undefined = sizeBytes <= MOST_TEXT_BYTES ? [] : undefined;
  return {
    write(chunk) {
      hash.update(chunk);
      texts?.push(Buffer.from(chunk));
    },
    end: () => done(hash.digest('hex'), texts && Buffer.concat(texts).toString('utf8')),
  };
}

function translate(error: unknown, file: string, signal: AbortSignal): OdoError {
  if (signal.aborted) return cancelled(signal.reason);
  const { code = '' } = error as NodeJS.ErrnoException;
  // untar's hint is about backups.
  if (error instanceof OdoError)
    return code === 'dataCorrupt' && error.hint !== HINT ? damaged(file, error.message) : error;
  if (!code.startsWith('Z_'))
    return new OdoError('usage', `cannot read ${file} (${code})`, { hint: HINT, cause: error });
  return code === 'Z_DATA_ERROR' && isNoGzip(error as Error)
    ? foreign(file, error)
    : damaged(file, (error as Error).message, error);
}

function isNoGzip({ message }: Error): boolean {
  return message === 'incorrect header check';
}

const HINT = 'SHA256SUMS of the release tells whether the file is as it was made; fetch it again if it is not';

function damaged(file: string, why: string, cause?: unknown): OdoError {
  return new OdoError('dataCorrupt', `${file} is damaged: ${why}`, { hint: HINT, cause });
}

function foreign(file: string, cause?: unknown): OdoError {
  return new OdoError('versionMismatch', `${file} is not an archive of ODO's restore image`, {
    hint: 'it comes with each release, as odo-image-VERSION.tar.gz',
    cause,
  });
}
