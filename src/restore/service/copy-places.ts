import path from 'node:path';
import type { Mount } from '../../docker/client/mount.ts';
import type { Service } from '../../docker/compose/service.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import { ODO_DIR } from '../../tree/places/place.ts';
import type { TablespacePlace } from '../contract/places.ts';
import { type DataPlace, isBelow, refuseUnknownTablespaces, tablespaceLocation } from './service-places.ts';

/** The data directory of a copy: at the service's own path, on another volume. */
export function copyData(data: DataPlace, volume: string): DataPlace {
  const { destination } = data.mount;
  return { ...data, mount: { type: 'volume', source: volume, destination, readOnly: false } };
}

/**
 * Tablespaces of a copy: on its data volume where they lie below its mount, else each on a volume of its own, named
 * after the data volume.
 */
export function copyTablespaces(backup: Backup, chosen: ReadonlyMap<string, string>, data: DataPlace) {
  refuseUnknownTablespaces(backup, chosen);
  return backup.tablespaces.map((tablespace) => {
    const root = tablespaceLocation(tablespace, chosen);
    const own: Mount = {
      type: 'volume',
      source: `${data.mount.source}_${tablespace.oid}`,
      destination: root,
      readOnly: false,
    };
    const mount = isBelow(root, data.mount.destination) ? data.mount : own;
    return { oid: tablespace.oid, place: { root, odoDir: path.posix.join(root, ODO_DIR) }, mount };
  });
}

/**
 * Places for tablespaces that recovery creates, on volumes of the copy: there recovery does not meet those of the
 * service.
 */
export function copyLater(later: readonly TablespacePlace[], data: DataPlace) {
  return later.map((one) => {
    const { root } = one.place;
    const own: Mount = {
      type: 'volume',
      source: `${data.mount.source}_${one.oid}`,
      destination: root,
      readOnly: false,
    };
    return { ...one, mount: isBelow(root, data.mount.destination) ? data.mount : own };
  });
}

/** Where servers have their sockets and shared memory. */
const SERVER_OWN = ['/run', '/run/postgresql', '/var/run', '/var/run/postgresql', '/tmp', '/dev', '/dev/shm'];

/**
 * The service's mounts besides its data that another server of its image can be shown: configuration, certificates,
 * secrets. The places where servers have their sockets are left out, and so are sockets of others.
 */
export function sharedMounts(service: Service): Mount[] {
  return service.mounts.filter(
    ({ type, source, destination }) =>
      type !== 'tmpfs' && source !== '' && !SERVER_OWN.includes(destination) && !/\.sock$/.test(destination),
  );
}

/** The copy's own mounts, and those that the service has besides its data. The copy cannot write to the latter. */
export function copyMounts(service: Service, own: readonly Mount[]): Mount[] {
  const taken = new Set(own.map(({ destination }) => destination));
  const others = sharedMounts(service).filter(({ destination }) => !taken.has(destination));
  return [...own, ...others.map((mount) => ({ ...mount, readOnly: true }))];
}

/** Settings of TLS. Their files may lie on the service's own volumes, which a copy does not have. */
const OF_TLS = [
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'ssl_ca_file',
  'ssl_crl_file',
  'ssl_crl_dir',
  'ssl_dh_params_file',
];

/**
 * The command line of a copy's server: what the service's says of settings, then what keeps the copy to itself. It
 * archives nothing, takes nothing from the publishers that its subscriptions name, and runs no scheduled jobs; its log
 * is the container's. TLS is left to its configuration.
 */
export function copyServerArgs(service: Service, dataDirectory: string, listen: boolean): string[] {
  const settings = new Map([
    ...commandLineSettings(service.commandArgs),
    ['archive_mode', 'off'],
    ['max_logical_replication_workers', '0'],
    ['cron.launch_active_jobs', 'off'],
    ['logging_collector', 'off'],
    ['port', '5432'],
    ['listen_addresses', listen ? '*' : ''],
    ['unix_socket_directories', '/tmp'],
  ]);
  for (const name of OF_TLS) settings.delete(name);
  return ['-D', dataDirectory, ...[...settings].flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
