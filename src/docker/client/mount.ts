import type Dockerode from 'dockerode';

/** A mount in a service's container. */
export interface Mount {
  type: 'volume' | 'bind' | 'tmpfs';
  /**
   * The volume's real name, or the path on the engine's host; empty for a tmpfs and for an anonymous volume that does
   * not exist yet.
   */
  source: string;
  /** The absolute path in the container. */
  destination: string;
  readOnly: boolean;
  /** The mounted folder of the volume, if the volume is not mounted as a whole. */
  subpath?: string;
}

/**
 * The mount that holds an absolute path of the container, and the path within it ('' for its root). undefined when no
 * mount holds it.
 */
export function mountHolding(
  mounts: readonly Mount[],
  path: string,
): { mount: Mount; relativePath: string } | undefined {
  const wanted = trimSlashes(path);
  let found: { mount: Mount; relativePath: string } | undefined;
  let longest = -1;
  for (const mount of mounts) {
    const destination = trimSlashes(mount.destination);
    if (destination.length <= longest || !(wanted === destination || wanted.startsWith(`${destination}/`))) continue;
    longest = destination.length;
    found = { mount, relativePath: wanted.slice(destination.length + 1) };
  }
  return found;
}

function trimSlashes(path: string): string {
  return path.replace(/\/+/g, '/').replace(/\/$/, '');
}

/** The mounts of a container as `GET /containers/{id}/json` tells them. */
export function mountsOfContainer(info: Pick<Dockerode.ContainerInspectInfo, 'Mounts' | 'HostConfig'>): Mount[] {
  const mounts: Mount[] = [];
  for (const mount of info.Mounts ?? []) {
    if (mount.Type !== 'volume' && mount.Type !== 'bind' && mount.Type !== 'tmpfs') continue;
    const asked = info.HostConfig.Mounts?.find((one) => one.Target === mount.Destination);
    const subpath = asked?.VolumeOptions?.Subpath;
    let source = '';
    if (mount.Type === 'volume') source = mount.Name ?? '';
    // Docker Desktop tells a path of its own virtual machine here. The path that was asked for can be asked for again.
    if (mount.Type === 'bind')
      source = asked?.Source || bindSource(info.HostConfig.Binds, mount.Destination) || mount.Source;
    mounts.push({
      type: mount.Type,
      source,
      destination: mount.Destination,
      readOnly: !mount.RW,
      ...(subpath && { subpath }),
    });
  }
  for (const destination of Object.keys(info.HostConfig.Tmpfs ?? {})) {
    if (mounts.some((mount) => mount.destination === destination)) continue;
    mounts.push({ type: 'tmpfs', source: '', destination, readOnly: false });
  }
  return mounts;
}

/** The source of `SOURCE:DESTINATION[:OPTIONS]`, where SOURCE may hold a colon too (`C:\data`). */
function bindSource(binds: string[] | undefined, destination: string): string | undefined {
  for (const bind of binds ?? []) {
    const at = bind.indexOf(`:${destination}`);
    const after = bind[at + 1 + destination.length];
    if (at > 0 && (after === undefined || after === ':')) return bind.slice(0, at);
  }
  return undefined;
}
