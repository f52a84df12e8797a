import { OdoError } from '../../errors.ts';
import { type ComposeLimits, limitsOfCompose } from '../client/container-limits.ts';
import type { Mount } from '../client/mount.ts';
import type { ComposeProject } from './project.ts';

interface ConfigVolume {
  type: string;
  source?: string;
  target: string;
  read_only?: boolean;
  volume?: { subpath?: string };
}

interface ConfigService extends ComposeLimits {
  image?: string;
  environment?: Record<string, string | null> | null;
  user?: string;
  entrypoint?: string[] | null;
  command?: string[] | null;
  volumes?: ConfigVolume[];
  tmpfs?: string[];
  secrets?: ConfigFile[];
  configs?: ConfigFile[];
  stop_grace_period?: string;
  scale?: number;
  deploy?: { replicas?: number; resources?: { limits?: { memory?: string | number } } } | null;
  network_mode?: string;
  hostname?: string;
  container_name?: string;
  networks?: Record<string, { ipv4_address?: string; ipv6_address?: string; aliases?: string[] } | null>;
}

/** A secret or config of a service. */
interface ConfigFile {
  source: string;
  target?: string;
}

interface ConfigVolumeDefinition {
  name?: string;
  external?: boolean;
  driver?: string;
  driver_opts?: Record<string, string | number>;
  labels?: Record<string, string>;
}

interface Config {
  name: string;
  services?: Record<string, ConfigService>;
  volumes?: Record<string, ConfigVolumeDefinition | null>;
  secrets?: Record<string, { file?: string } | null>;
  configs?: Record<string, { file?: string } | null>;
}

/**
 * Reads what `docker compose config --format json` prints. Source:
 * https://github.com/compose-spec/compose-spec/blob/main/spec.md
 */
export function parseProject(output: string, files: string[]): ComposeProject {
  const config = readConfig(output, files);
  const volumes: ComposeProject['volumes'] = {};
  for (const [key, volume] of Object.entries(config.volumes ?? {})) {
    const { driver, driver_opts: options, labels } = volume ?? {};
    volumes[key] = {
      name: volume?.name ?? `${config.name}_${key}`,
      external: volume?.external ?? false,
      ...(driver && { driver }),
      ...(options && {
        driverOptions: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
      }),
      ...(labels && { labels }),
    };
  }
  const services: ComposeProject['services'] = {};
  for (const [name, service] of Object.entries(config.services ?? {})) {
    const environment = Object.entries(service.environment ?? {}).filter(
      (pair): pair is [string, string] => pair[1] !== null,
    );
    const mounts = (service.volumes ?? []).flatMap((volume) => toMount(volume, volumes));
    for (const entry of service.tmpfs ?? []) {
      mounts.push({ type: 'tmpfs', source: '', destination: entry.split(':')[0] ?? entry, readOnly: false });
    }
    const given = [
      ...placeFiles(service.secrets, config.secrets, '/run/secrets/'),
      ...placeFiles(service.configs, config.configs, '/'),
    ];
    mounts.push(...given.flatMap(({ mount }) => mount ?? []));
    const injectedFiles = given.filter(({ mount }) => mount === undefined).map(({ destination }) => destination);
    const graceSeconds = service.stop_grace_period === undefined ? undefined : parseSeconds(service.stop_grace_period);
    const replicas = service.scale ?? service.deploy?.replicas;
    services[name] = {
      image: service.image ?? `${config.name}-${name}`,
      environment: Object.fromEntries(environment),
      ...(service.user && { user: service.user }),
      ...(service.entrypoint && { entrypoint: service.entrypoint }),
      ...(service.command && { command: service.command }),
      mounts,
      ...unlessEmpty('injectedFiles', injectedFiles),
      ...unlessEmpty('limits', limitsOfCompose(service)),
      ...(service.network_mode && { networkMode: service.network_mode }),
      ...unlessEmpty('addresses', addressesOf(service)),
      ...(graceSeconds !== undefined && { stopGracePeriodSeconds: graceSeconds }),
      ...(replicas !== undefined && { replicas }),
    };
  }
  return { name: config.name, files, services, volumes };
}

/** The property, unless there is nothing in it. */
function unlessEmpty<Name extends string, Value extends object>(name: Name, value: Value): { [name in Name]?: Value } {
  return Object.keys(value).length > 0 ? ({ [name]: value } as { [name in Name]?: Value }) : {};
}

function addressesOf({ hostname, container_name, networks }: ConfigService): string[] {
  const ofNetworks = Object.values(networks ?? {}).flatMap((network) => [
    network?.ipv4_address,
    network?.ipv6_address,
    ...(network?.aliases ?? []),
  ]);
  return [hostname, container_name, ...ofNetworks].filter((one) => one !== undefined);
}

/** The paths of secrets and configs. Those that are files of the host are mounted, others are not. */
function placeFiles(
  used: readonly ConfigFile[] = [],
  known: Config['secrets'] = {},
  folder: string,
): { destination: string; mount?: Mount }[] {
  return used.map(({ source, target = source }) => {
    const file = known[source]?.file;
    const destination = target.startsWith('/') ? target : folder + target;
    return {
      destination,
      ...(file !== undefined && { mount: { type: 'bind', source: file, destination, readOnly: true } }),
    };
  });
}

function readConfig(output: string, files: readonly string[]): Config {
  try {
    // Compose doubles every dollar sign, so that its output could be read in as a compose file again.
    return JSON.parse(output, (_key, value) =>
      typeof value === 'string' ? value.replaceAll('$$', '$') : value,
    ) as Config;
  } catch (cause) {
    throw new OdoError(
      'serviceNotFound',
      `cannot read the compose project of ${files.join(', ')}: compose gave no JSON`,
      {
        hint:
          'see what `docker compose config --format json` prints with these -f files; it needs version 2 of ' +
          'compose',
        cause,
      },
    );
  }
}

function toMount(volume: ConfigVolume, volumes: ComposeProject['volumes']): Mount[] {
  if (volume.type !== 'volume' && volume.type !== 'bind' && volume.type !== 'tmpfs') return [];
  let source = volume.source ?? '';
  if (volume.type === 'volume') source = volumes[source]?.name ?? source;
  const subpath = volume.volume?.subpath;
  return [
    {
      type: volume.type,
      source,
      destination: volume.target,
      readOnly: volume.read_only ?? false,
      ...(subpath && { subpath }),
    },
  ];
}

const SECONDS_PER_UNIT: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6 };

/** Seconds of a duration as compose writes it, such as `1m30s`, rounded up; undefined when it is none. */
export function parseSeconds(duration: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|us|\u00b5s|m|s))+$/.test(duration)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|\u00b5s|m|s)/g)) {
    seconds += Number(amount) * (SECONDS_PER_UNIT[unit ?? ''] ?? 0);
  }
  return Math.ceil(seconds);
}
