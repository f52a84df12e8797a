import { OdoError } from '../../errors.ts';
import { parseSetting } from '../../postgres/configuration/own-settings.ts';
import type {
  CopyRequest,
  DirectoryRequest,
  DockerRequest,
  RepositoryRequest,
  RestoreRequest,
  ServiceRef,
  ServiceRequest,
} from '../../restore/contract/request.ts';
import type { LoadImageRequest } from '../../restore/image/load-image.ts';
import type { FollowRequest } from '../../restore/standby/follow-service.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { Arguments } from '../options/argument-values.ts';
import { connectionConfig } from '../options/connection.ts';
import { copyDestination } from '../options/destination.ts';
import { meansRequest } from '../options/means.ts';
import { parseSize } from '../options/parse-size.ts';
import { standbyRequest } from '../options/standby-options.ts';
import { targetRequest } from '../options/target-options.ts';
import { SESSION_TOKEN } from '../settings/settings.ts';
import { DEFAULT_IMAGE } from '../settings/version.ts';

/**
 * The place of the repository, and the way to it. A flag wins over the environment. Without keys, the SDK looks for its
 * own.
 */
export function storeConfig(args: Arguments, env: NodeJS.ProcessEnv): StoreConfig {
  const url = text(args, 's3-url') ?? given(env.S3_BACKUP_URL);
  if (url === undefined) {
    throw new OdoError('usage', 'it is not said where the backups are', {
      hint: 'give -u s3://bucket/prefix, or set S3_BACKUP_URL',
    });
  }
  const endpoint = text(args, 'endpoint') ?? given(env.S3_ENDPOINT);
  const region = text(args, 'aws-region') ?? given(env.AWS_DEFAULT_REGION) ?? given(env.AWS_REGION);
  const pathStyle = args['path-style'];
  // A profile that is named wins over keys of the environment.
  const credentials = args.profile === undefined ? keys(args, env) : undefined;
  return {
    url,
    ...(typeof pathStyle === 'boolean' ? { pathStyle } : {}),
    ...connectionConfig(args, env),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function keys(args: Arguments, env: NodeJS.ProcessEnv): StoreConfig['credentials'] {
  const flagKey = text(args, 'aws-access-key');
  const flagSecret = text(args, 'aws-secret-key');
  const accessKeyId = flagKey ?? given(env.AWS_ACCESS_KEY_ID);
  const secretAccessKey = flagSecret ?? given(env.AWS_SECRET_ACCESS_KEY);
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing =
      accessKeyId === undefined ? 'access key (-a or AWS_ACCESS_KEY_ID)' : 'secret key (-s or AWS_SECRET_ACCESS_KEY)';
    throw new OdoError('usage', `the ${missing} is missing`, {
      hint: 'give both keys, or neither to use a profile or role',
    });
  }
  const ownToken = text(args, SESSION_TOKEN);
  // A session token of the environment belongs to the environment's keys, not to keys given as flags.
  const sessionToken =
    ownToken ?? (flagKey === undefined && flagSecret === undefined ? given(env.AWS_SESSION_TOKEN) : undefined);
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** The repository that a command is about. */
export function repositoryRequest(args: Arguments, env: NodeJS.ProcessEnv): RepositoryRequest {
  const server = text(args, 'server');
  return {
    store: { ...storeConfig(args, env), retryForMs: seconds(args, 'retry-for') * 1000 },
    ...(server === undefined ? {} : { server }),
  };
}

/** Which archive is followed, for which standby. */
export function followRequest(args: Arguments, env: NodeJS.ProcessEnv): FollowRequest {
  return { ...repositoryRequest(args, env), serviceRef: serviceRefOf(args), spoolBytes: spoolBytes(args) };
}

/** The archive to load, and the name for its image. */
export function loadImageRequest(args: Arguments): LoadImageRequest {
  const file = text(args, 'file');
  return { image: text(args, 'image') ?? DEFAULT_IMAGE, ...(file === undefined ? {} : { file }) };
}

/** The service that a command is about. Volume, service and compose file are all needed. */
export function serviceRefOf(args: Arguments): ServiceRef {
  const volume = required(args, 'volume', '-v VOLUME');
  const service = required(args, 'service', '-n SERVICE');
  const composeFiles = list(args, 'compose-file');
  if (composeFiles.length === 0) throw missing('compose-file', '-f COMPOSE_FILE');
  const projectName = text(args, 'project-name');
  const projectDirectory = text(args, 'project-directory');
  const envFiles = list(args, 'env-file');
  const network = text(args, 'network');
  const namedImage = text(args, 'image');
  return {
    volume,
    service,
    composeFiles,
    image: namedImage ?? DEFAULT_IMAGE,
    ...(namedImage === undefined ? {} : { namedImage }),
    ...(projectName === undefined ? {} : { projectName }),
    ...(projectDirectory === undefined ? {} : { projectDirectory }),
    ...(envFiles.length === 0 ? {} : { envFiles }),
    ...(network === undefined ? {} : { network }),
  };
}

/** The whole request of a restore: of a directory with --into, else of a service, or beside one. */
export function restoreRequest(
  args: Arguments,
  env: NodeJS.ProcessEnv,
): DirectoryRequest | ServiceRequest | CopyRequest {
  const copy = copyDestination(args);
  const into = text(args, 'into');
  const replaceConf = replacementFolder(text(args, 'replace-conf'));
  const owner = ownerOf(text(args, 'owner'));
  const hbaFile = text(args, 'pg-hba');
  const standby = standbyRequest(args, env);
  const common: RestoreRequest = {
    ...repositoryRequest(args, env),
    backup: text(args, 'backup') ?? 'latest',
    tablespaces: tablespaces(list(args, 'tablespace')),
    archiveMode: args['archive-mode'] === 'keep' ? 'keep' : 'off',
    settings: list(args, 'set').map(parseSetting),
    keepSettings: args['keep-settings'] === true,
    sync: args.sync !== false,
    verify: args.verify === 'full' ? 'full' : 'stream',
    dryRun: args['dry-run'] === true,
    fresh: args.fresh === true,
    wipe: args.wipe === true,
    allowDifferentCluster: args['allow-different-cluster'] === true,
    salvage: args.salvage !== false,
    rehearsal: args.rehearsal !== false,
    acceptLoss: args['accept-loss'] === true,
    keepPrevious: args['keep-previous'] === true,
    discard: args.discard === true,
    ...(replaceConf === undefined ? {} : { replaceConf }),
    ...(owner === undefined ? {} : { owner }),
    ...(hbaFile === undefined ? {} : { hbaFile }),
    ...(standby === undefined ? {} : { standby }),
    ...targetRequest(args),
    ...meansRequest(args),
  };
  if (into === undefined) {
    const online = args.online === true;
    const postSql = text(args, 'post-sql');
    if (online && common.wipe) {
      throw new OdoError('usage', '--online and --wipe contradict each other', {
        hint: 'with --online the service keeps running on the old data until the exchange',
      });
    }
    const inDocker: DockerRequest = {
      ...common,
      serviceRef: serviceRefOf(args),
      spoolBytes: spoolBytes(args),
      stallTimeoutMs: seconds(args, 'stall-timeout') * 1000,
      stopTimeoutSeconds: seconds(args, 'stop-timeout'),
      ...(postSql === undefined ? {} : { postSql }),
    };
    if (copy !== undefined) return { ...inDocker, copy };
    return { ...inDocker, online, leaveStopped: args['leave-stopped'] === true };
  }
  const clash = ['volume', 'service', 'compose-file', 'post-sql'].find((name) => args[name] !== undefined);
  if (clash !== undefined) {
    throw new OdoError('usage', `--into and --${clash} contradict each other`, {
      hint: '--into fills a directory without Docker; -v, -n and -f restore a compose service',
    });
  }
  return { ...common, into };
}

export function seconds(args: Arguments, name: string): number {
  const value = args[name];
  const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
  throw new OdoError('usage', `--${name} wants a number of seconds`);
}

/** The smallest spool: two of the smallest segments that a server can have. */
const SMALLEST_SPOOL_BYTES = 2 * 2 ** 20;

function spoolBytes(args: Arguments): number {
  const bytes = parseSize(text(args, 'spool') ?? '1GiB');
  if (bytes !== undefined && bytes >= SMALLEST_SPOOL_BYTES) return bytes;
  throw new OdoError(
    'usage',
    `--spool wants a size of ${SMALLEST_SPOOL_BYTES / 2 ** 20} MiB at least, not ${args.spool}`,
    {
      hint: 'such as --spool 256MiB',
    },
  );
}

/** `-c` alone and the older `-c true` mean the folder confs. `-c false` means that it is not given. */
function replacementFolder(value: string | undefined): string | undefined {
  if (value === undefined || value === 'false') return undefined;
  return value === '' || value === 'true' ? 'confs' : value;
}

function ownerOf(value: string | undefined): Owner | undefined {
  if (value === undefined) return undefined;
  const match = /^(\d+):(\d+)$/.exec(value);
  if (!match)
    throw new OdoError('usage', `--owner wants UID:GID in numbers, not ${value}`, { hint: 'such as --owner 999:999' });
  return { uid: Number(match[1]), gid: Number(match[2]) };
}

function tablespaces(values: string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (const value of values) {
    const [, name, location] = /^(.+?)=(\/.*)$/.exec(value) ?? [];
    if (name === undefined || location === undefined) {
      throw new OdoError('usage', `--tablespace wants NAME=PATH with an absolute path, not ${value}`, {
        hint: 'such as --tablespace fast=/var/lib/postgresql/fast',
      });
    }
    map.set(name, location);
  }
  return map;
}

function required(args: Arguments, name: string, example: string): string {
  const value = text(args, name);
  if (value === undefined) throw missing(name, example);
  return value;
}

function missing(name: string, example: string): OdoError {
  return new OdoError('usage', `--${name} is missing`, {
    hint: `give ${example}; a service needs -v, -n and -f, a directory --into (odo --help shows examples)`,
  });
}

/**
 * A string option's value. yargs makes a list of an option that is given twice: then nobody knows which one was meant.
 */
function text(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (Array.isArray(value))
    throw new OdoError('usage', `--${name} is given ${value.length} times`, { hint: 'give it once' });
  if (value === '' && name !== 'replace-conf') throw new OdoError('usage', `--${name} is empty`);
  return typeof value === 'string' ? value : undefined;
}

function list(args: Arguments, name: string): string[] {
  const value = args[name];
  return Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)];
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}
