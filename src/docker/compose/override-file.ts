import { access, constants, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OdoError } from '../../errors.ts';
import type { Mount } from '../client/mount.ts';

/** The file beside the compose file through which ODO leads a service to other volumes. */
export const OVERRIDE_NAME = 'compose.odo.yaml';

/** One mount of a service that leads to another volume than the compose file says. */
export interface SwitchedMount {
  service: string;
  /** The path in the container. */
  destination: string;
  /** The real name of the volume that is mounted there now. */
  volume: string;
  /** The mount of the compose file at that path, if there is one. `key` is compose's name of a volume. */
  instead?: { type: string; source: string; key?: string };
}

/** Where one switch had led a service, until a later one. */
export interface EarlierSwitch {
  service: string;
  mounts: SwitchedMount[];
}

/**
 * The content of the override. `switched` is where services are led now. `earlier` is where former switches had led
 * them, the newest last. `leaving` is where a service had been led that is being taken back.
 */
export interface Switches {
  switched: SwitchedMount[];
  earlier: EarlierSwitch[];
  leaving?: SwitchedMount[];
}

interface Override {
  'x-odo': { composeFile: string; switched: SwitchedMount[]; earlier?: EarlierSwitch[]; leaving?: SwitchedMount[] };
}

/** The path of a project's override: beside its first compose file. */
export function overrideFileOf(files: readonly string[]): string {
  return join(dirname(files[0] ?? '.'), OVERRIDE_NAME);
}

/**
 * Reads ODO's override for this compose file. undefined when there is none, or when it belongs to another compose file.
 */
export async function readOverride(files: readonly string[]): Promise<Switches | undefined> {
  const override = await read(overrideFileOf(files));
  if (!override || override.composeFile !== basename(files[0] ?? '')) return undefined;
  const { switched, earlier = [], leaving } = override;
  return { switched, earlier, ...(leaving ? { leaving } : {}) };
}

/** Leads a service to other mounts. The mounts before are kept, for the way back. */
export function withSwitch(switches: Switches, service: string, mounts: readonly SwitchedMount[]): Switches {
  const before = switches.switched.filter((one) => one.service === service);
  return {
    switched: [...switches.switched.filter((one) => one.service !== service), ...mounts],
    earlier: before.length === 0 ? switches.earlier : [...switches.earlier, { service, mounts: before }],
  };
}

/** Takes back the last switch of a service. Its mounts are those of the switch before, or of its compose file. */
export function withoutLastSwitch(switches: Switches, service: string): Switches {
  const index = switches.earlier.findLastIndex((one) => one.service === service);
  return {
    switched: [
      ...switches.switched.filter((one) => one.service !== service),
      ...(switches.earlier[index]?.mounts ?? []),
    ],
    earlier: switches.earlier.filter((_one, at) => at !== index),
  };
}

/**
 * The switches that a service follows. Where a way back was broken off before the service was started on its other
 * volumes, the last switch still holds, and `isTakenBack` is true.
 */
export function followedBy(
  { name, mounts }: { name: string; mounts: readonly Mount[] },
  switches: Switches | undefined,
): { switches?: Switches; isTakenBack?: true } {
  if (!switches) return {};
  const { leaving = [], ...rest } = switches;
  const own = leaving.filter((one) => one.service === name);
  if (own.length === 0) return { switches };
  const isThere = own.some(({ destination, volume }) =>
    mounts.some((mount) => mount.destination === destination && mount.source === volume),
  );
  return isThere ? { switches: withSwitch(rest, name, own), isTakenBack: true } : { switches: rest };
}

/** `unsafeTarget` where ODO cannot write its override: the file is somebody else's, or the folder is not writable. */
export async function demandOverridable(files: readonly string[]): Promise<string> {
  const file = overrideFileOf(files);
  const override = await read(file);
  if (override && override.composeFile !== basename(files[0] ?? '')) {
    throw new OdoError(
      'unsafeTarget',
      `${file} belongs to ${override.composeFile}, and there can be only one in a folder`,
      {
        hint:
          `go back with odo rollback -f ${override.composeFile}, or make that switch part of ` +
          `${override.composeFile} and remove the file`,
      },
    );
  }
  await access(dirname(file), constants.W_OK).catch((cause: unknown) => {
    throw new OdoError('unsafeTarget', `${file} cannot be written`, {
      hint: `may you write to ${dirname(file)}?`,
      cause,
    });
  });
  return file;
}

async function read(file: string): Promise<Override['x-odo'] | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new OdoError('serviceNotFound', `${file} cannot be read`, { cause });
  }
  try {
    // A dollar sign would begin a variable in compose, so it is written twice.
    const undoubled = (_key: string, value: unknown) =>
      typeof value === 'string' ? value.replaceAll('$$', '$') : value;
    const written = (JSON.parse(text.replace(/^#.*$/gm, ''), undoubled) as Override)['x-odo'];
    if (typeof written.composeFile !== 'string' || !Array.isArray(written.switched))
      throw new TypeError('not as ODO writes it');
    return written;
  } catch (cause) {
    throw new OdoError('serviceNotFound', `${file} is not as ODO wrote it`, {
      hint: 'make what it says part of the compose file, and move it away',
      cause,
    });
  }
}

/** Writes the override in one step. Removes the file when no mount is switched, and none is being taken back. */
export async function writeOverride(files: readonly string[], switches: Switches): Promise<void> {
  const file = overrideFileOf(files);
  if (switches.switched.length === 0 && !switches.leaving) return rm(file, { force: true });
  const temporary = `${file}.${process.pid}`;
  try {
    await writeFile(temporary, formatOverride(basename(files[0] ?? ''), switches));
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new OdoError('unsafeTarget', `${file} cannot be written`, { cause });
  }
}

/**
 * The text of an override: JSON, which is YAML too. Compose merges the volumes of a service by their path in the
 * container. Source: https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
 */
export function formatOverride(composeFile: string, { switched, earlier, leaving }: Switches): string {
  const services: Record<string, { volumes: object[] }> = {};
  const volumes: Record<string, object> = {};
  for (const { service, destination, volume } of switched) {
    services[service] ??= { volumes: [] };
    services[service].volumes.push({ type: 'volume', source: `odo-${volume}`, target: destination });
    volumes[`odo-${volume}`] = { name: volume, external: true };
  }
  const header = [
    '# Written by ODO: leads services to the volumes that were restored for them.',
    `# Compose reads it only when it is told to: docker compose -f ${composeFile} -f ${OVERRIDE_NAME} …`,
    '# odo rollback removes it again.',
  ];
  const told = { composeFile, switched, ...(earlier.length > 0 ? { earlier } : {}), ...(leaving ? { leaving } : {}) };
  // Compose looks for variables in all of it, in x-odo as well.
  const doubled = (_key: string, value: unknown) => (typeof value === 'string' ? value.replaceAll('$', '$$$$') : value);
  return `${header.join('\n')}\n${JSON.stringify({ 'x-odo': told, services, volumes }, doubled, 2)}\n`;
}
