import { readFileSync } from 'node:fs';
import type { Options } from 'yargs';
import { OdoError } from '../../errors.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { Proxies } from '../../store/network/connection.ts';
import type { Arguments } from './argument-values.ts';

/** Options for the way to the store's server, and for what that server wants to be told. */
export const CONNECTION_OPTIONS = {
  profile: {
    type: 'string',
    requiresArg: true,
    describe: 'profile of the AWS configuration; its keys or role are used [AWS_PROFILE]',
  },
  'ca-bundle': {
    type: 'string',
    requiresArg: true,
    describe: "file with certificates (PEM) of authorities to trust besides the system's [AWS_CA_BUNDLE]",
  },
  'verify-tls': { type: 'boolean', default: true, describe: '--no-verify-tls takes any certificate: only for a try' },
  checksums: {
    choices: ['required', 'supported'],
    default: 'required',
    describe: "supported: also check S3's own checksums, where objects carry them",
  },
  'requester-pays': { type: 'boolean', default: false, describe: 'pay for the requests, as some buckets demand' },
  'sse-c-key-file': {
    type: 'string',
    requiresArg: true,
    describe: 'file with the key that the objects are encrypted with on the server: 32 bytes, or these in base64',
  },
} as const satisfies Record<string, Options>;

type ConnectionConfig = Omit<StoreConfig, 'url' | 'credentials' | 'endpoint' | 'region' | 'pathStyle' | 'retryForMs'>;

/**
 * Reads the files and variables that these options name. They travel to the restore container as content, since it sees
 * no file of the host.
 */
export function connectionConfig(args: Arguments, env: NodeJS.ProcessEnv): ConnectionConfig {
  const bundle = named(args, 'ca-bundle') ?? (env.AWS_CA_BUNDLE || undefined);
  const keyFile = named(args, 'sse-c-key-file');
  const profile = named(args, 'profile');
  const proxies = proxiesOf(env);
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(bundle === undefined ? {} : { caBundle: readBundle(bundle) }),
    ...(args['verify-tls'] === false ? { verifyTls: false } : {}),
    ...(args.checksums === 'supported' ? { checksums: 'supported' as const } : {}),
    ...(args['requester-pays'] === true ? { requesterPays: true } : {}),
    ...(keyFile === undefined ? {} : { sseCustomerKey: readKey(keyFile) }),
    ...(proxies === undefined ? {} : { proxies }),
  };
}

function named(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (Array.isArray(value))
    throw new OdoError('usage', `--${name} is given ${value.length} times`, { hint: 'give it once' });
  if (value === '') throw new OdoError('usage', `--${name} is empty`);
  return typeof value === 'string' ? value : undefined;
}

function readBundle(file: string): string {
  const text = read(file, 'the CA bundle').toString('latin1');
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new OdoError('usage', `${file} holds no certificate`, { hint: 'give a file with certificates in PEM form' });
  }
  return text;
}

const KEY_BYTES = 32;

/** The key in base64. No message repeats the content of the file. */
function readKey(file: string): string {
  const content = read(file, 'the SSE-C key');
  const key = content.length === KEY_BYTES ? content : Buffer.from(content.toString('latin1').trim(), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new OdoError('usage', `${file} holds no key of ${KEY_BYTES} bytes`, {
      hint: 'give the key as it is, or in base64',
    });
  }
  return key.toString('base64');
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OdoError('usage', `${what} ${file} cannot be read (${code})`, {
      hint: 'check the path and its permissions',
      cause: error,
    });
  }
}

/** The proxies of the environment. Lower case wins where both are set, as in curl. An empty variable counts as none. */
function proxiesOf(env: NodeJS.ProcessEnv): Proxies | undefined {
  const proxies: Proxies = {};
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const) {
    const value = env[name.toLowerCase()] ?? env[name];
    if (value) proxies[name] = value;
  }
  return proxies.HTTP_PROXY === undefined && proxies.HTTPS_PROXY === undefined ? undefined : proxies;
}
