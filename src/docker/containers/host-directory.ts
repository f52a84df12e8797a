import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Mount } from '../client/mount.ts';

/** The engine's facts of a volume that tell where its content is. */
export interface VolumeFacts {
  Mountpoint?: string;
  Options?: Readonly<Record<string, string>> | null;
}

/**
 * A directory behind a mount, by all the names that are known of it. Two mounts of one directory have a name in common.
 */
export interface HostDirectory {
  /**
   * Paths of the directory: those on the engine's host, and those within volumes and devices, which are written
   * `volume:NAME/…`.
   */
  paths: string[];
  /** The directory's folder below the engine's own root. Tools that look after the engine mount folders above it. */
  managed?: string;
  /** Device and number of the directory. Present where this machine is the engine's host and may look at it. */
  inode?: string;
}

/**
 * @param volume the engine's facts of the volume, for a mount of one
 * @param isHere whether paths of the engine's host mean the same on this machine
 */
export function hostDirectory(mount: Mount, volume: VolumeFacts | undefined, isHere: boolean): HostDirectory {
  const below = (root: string) => (mount.subpath ? `${root.replace(/\/$/, '')}/${mount.subpath}` : root);
  if (mount.type === 'bind') return lookedAt({ paths: [resolve(mount.source)] }, isHere);
  if (mount.type !== 'volume' || mount.source === '') return { paths: [] };
  const paths = [below(`volume:${mount.source}`), ...deviceOf(volume?.Options ?? {}).map(below)];
  return lookedAt({ paths, ...(volume?.Mountpoint ? { managed: below(volume.Mountpoint) } : {}) }, isHere);
}

/** The device that a volume of the `local` driver mounts: with `o: bind` it is a directory of the host. */
function deviceOf({ type = '', o = '', device = '' }: Readonly<Record<string, string>>): string[] {
  const options = o.split(',');
  if (device === '' || type === 'tmpfs') return [];
  if (options.some((option) => option === 'bind' || option === 'rbind')) return [resolve(device)];
  const address = options.find((option) => option.startsWith('addr=')) ?? '';
  return [`device:${type}:${address}:${device.replace(/\/$/, '')}`];
}

/** Adds what only a look at the host's directories tells: where links lead, and device and number. */
function lookedAt(directory: HostDirectory, isHere: boolean): HostDirectory {
  if (!isHere) return directory;
  const onHost = [...directory.paths, directory.managed ?? ''].filter((path) => path.startsWith('/'));
  const real = onHost.flatMap((path) => tried(() => [realpathSync(path)]) ?? []);
  const paths = [...new Set([...directory.paths, ...real.filter((path) => path !== directory.managed)])];
  const inode = onHost
    .map((path) => tried(() => statSync(path, { bigint: true })))
    .flatMap((stat) => (stat ? [`${stat.dev}:${stat.ino}`] : []))[0];
  return { ...directory, paths, ...(inode === undefined ? {} : { inode }) };
}

/**
 * The result of a look, or undefined. Not everybody may look into the engine's own folders, and a mount may name
 * something that is not there.
 */
function tried<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/**
 * How another mount meets a directory. same: it is the directory, or something below it. above: it is a folder that the
 * directory lies in, mounted by path. managed: it is a folder above the engine's own folder of the directory.
 * undefined: not at all.
 */
export function meets(directory: HostDirectory, other: HostDirectory): 'same' | 'above' | 'managed' | undefined {
  if (directory.inode !== undefined && directory.inode === other.inode) return 'same';
  const own = [...directory.paths, ...(directory.managed === undefined ? [] : [directory.managed])];
  const theirs = [...other.paths, ...(other.managed === undefined ? [] : [other.managed])];
  if (own.some((path) => theirs.some((one) => isSameOrBelow(one, path)))) return 'same';
  if (directory.paths.some((path) => theirs.some((one) => isSameOrBelow(path, one)))) return 'above';
  return theirs.some((one) => directory.managed !== undefined && isSameOrBelow(directory.managed, one))
    ? 'managed'
    : undefined;
}

function isSameOrBelow(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}
