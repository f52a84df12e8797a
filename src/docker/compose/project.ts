import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OdoError } from '../../errors.ts';
import { type ComposeLimits, type ContainerLimits, limitsOfCompose } from '../client/container-limits.ts';
import type { DockerEngine } from '../client/engine.ts';
import type { Mount } from '../client/mount.ts';
import { runCompose } from './compose.ts';
import { type ComposeCall, composeFlags } from './compose-call.ts';
import { overrideFileOf, readOverride, type Switches } from './override-file.ts';

/** A compose project as compose itself reads it: files merged, variables filled in, defaults applied. */
export interface ComposeProject {
  name: string;
  /** The compose files, absolute, in the order given. */
  files: string[];
  /**
   * Further options by which compose reads this very project, with absolute paths. The name only where it was given.
   */
  call?: Omit<ComposeCall, 'files'>;
  /** Oddities that compose finds in the files: a variable that is not set, say. */
  warnings?: string[];
  services: Record<string, ComposeService>;
  /** Volumes by compose's key, without those that no service uses. */
  volumes: Record<string, ComposeVolume>;
  /** The content of ODO's own override file, which is read along where there is one. */
  switches?: Switches;
}

export interface ComposeVolume {
  name: string;
  external: boolean;
  driver?: string;
  driverOptions?: Record<string, string>;
  labels?: Record<string, string>;
}

export interface ComposeService {
  /** The image as written. If there is only a `build`, the name that compose would give the image. */
  image: string;
  /** May hold secrets. */
  environment: Record<string, string>;
  user?: string;
  entrypoint?: string[];
  command?: string[];
  /** Mounts with real volume names and absolute paths. */
  mounts: Mount[];
  /**
   * Paths of secrets and configs that are no files of the host. Compose writes them into each container that it makes.
   */
  injectedFiles?: string[];
  stopGracePeriodSeconds?: number;
  /** How many containers compose makes of the service; 1 when not given. */
  replicas?: number;
  /** The limits of the service's containers. */
  limits?: ContainerLimits;
  networkMode?: string;
  /** Fixed addresses, and further names by which the service is known in its networks. */
  addresses?: string[];
}

/**
 * Reads the project of these compose files through `docker compose config`. `serviceNotFound` for a file that is not
 * there, or that compose does not accept. An override file that ODO has written beside the first one is read along.
 * Services of profiles that are not active are part of the project.
 */
export async function loadProject(
  engine: DockerEngine,
  asked: ComposeCall,
  signal: AbortSignal,
): Promise<ComposeProject> {
  const files = await mustBeThere(asked.files, 'compose file', "give the service's compose file with -f");
  const envFiles = await mustBeThere(
    asked.envFiles ?? [],
    'env file',
    'give the file with the variables with --env-file',
  );
  const { projectName, projectDirectory } = asked;
  const call = {
    ...(projectName === undefined ? {} : { projectName }),
    ...(projectDirectory === undefined ? {} : { projectDirectory: resolve(projectDirectory) }),
    ...(envFiles.length === 0 ? {} : { envFiles }),
  };
  const switches = await readOverride(files);
  const override = overrideFileOf(files);
  if (switches && !files.includes(override)) files.push(override);
  const warnings: string[] = [];
  const output = await runCompose(
    engine,
    [...composeFlags({ ...call, files }), '--profile', '*', 'config', '--format', 'json'],
    {
      what: `read the compose project of ${files.join(', ')}`,
      failure: 'serviceNotFound',
      onWarning: (words) => warnings.push(words),
      signal,
    },
  );
  return {
    ...parseProject(output, files),
    call,
    ...(warnings.length > 0 && { warnings }),
    ...(switches && { switches }),
  };
}

/** Checks that the files can be read. Gives their absolute paths. */
async function mustBeThere(names: readonly string[], what: string, hint: string): Promise<string[]> {
  const files = names.map((name) => resolve(name));
  for (const [index, file] of files.entries()) {
    try {
      await access(file);
    } catch (cause) {
      const known = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
      throw new OdoError('serviceNotFound', `${what} ${names[index]} ${known}`, {
        hint: `${hint}; looked at ${file}`,
        cause,
      });
    }
  }
  return files;
}

/**
 * Lets compose create the container of a service that has none yet, without starting it. Its network and volumes get
 * compose's own labels.
 */
export async function createService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--no-start', '--no-deps', '--no-recreate', service];
  await runCompose(engine, args, { what: `create service ${service}`, failure: 'serviceNotFound', signal });
}

/** Lets compose start a service, making its container anew where the files say something else than the container is. */
export async function recreateService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--detach', '--no-deps', service];
  await runCompose(engine, args, { what: `start service ${service}`, failure: 'recoveryFailed', signal });
}

/**
 * Lets compose start a service. A service that already has a container is better started by startContainer(), which
 * asks no compose file.
 */
export async function startService(
  engine: DockerEngine,
  project: ComposeProject,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [...projectFlags(project), 'up', '--detach', '--no-deps', '--no-recreate', service];
  await runCompose(engine, args, { what: `start service ${service}`, failure: 'recoveryFailed', signal });
}

/** The flags for the project as it was read, whatever its name would be otherwise. */
function projectFlags({ files, name, call }: ComposeProject): string[] {
  return composeFlags({ ...call, files, projectName: name });
}

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
