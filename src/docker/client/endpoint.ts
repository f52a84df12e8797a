import fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ExecaError, execa } from 'execa';
import { OdoError } from '../../errors.ts';

/** Where the engine listens, and how to speak to it. */
export interface DockerEndpoint {
  /** `unix:///path`, `npipe:////./pipe/name`, `tcp://host:port` or `ssh://user@host`. */
  host: string;
  /**
   * Present when the connection is encrypted; the folder holds ca.pem, cert.pem and key.pem as far as there are any.
   */
  tls?: { certificatesDir: string; verify: boolean };
  /** The environment with which the docker command line reaches this very engine. */
  env: NodeJS.ProcessEnv;
}

export const DEFAULT_HOST =
  process.platform === 'win32' ? 'npipe:////./pipe/docker_engine' : 'unix:///var/run/docker.sock';

/**
 * Finds the engine as the docker command line would. First comes DOCKER_HOST with DOCKER_TLS_VERIFY, DOCKER_TLS and
 * DOCKER_CERT_PATH; then the current context (DOCKER_CONTEXT or `docker context use`); then the default socket, also
 * where there is no docker command line. `dockerUnreachable` for a context that does not exist. Source:
 * https://docs.docker.com/reference/cli/docker/#environment-variables
 */
export async function findEndpoint(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<DockerEndpoint> {
  if (env.DOCKER_HOST) return endpointOfHost(env.DOCKER_HOST, env);
  if (isDefaultContext(env)) return { host: DEFAULT_HOST, env: { ...env, DOCKER_CONTEXT: 'default' } };
  return (await endpointOfContext(env, signal)) ?? endpointOfHost(DEFAULT_HOST, { ...env, DOCKER_HOST: DEFAULT_HOST });
}

function endpointOfHost(value: string, env: NodeJS.ProcessEnv): DockerEndpoint {
  const host = value === 'unix://' ? DEFAULT_HOST : value.includes('://') ? value : `tcp://${value}`;
  if (!host.startsWith('tcp://') || (!env.DOCKER_TLS_VERIFY && !env.DOCKER_TLS)) return { host, env };
  const certificatesDir = env.DOCKER_CERT_PATH || configDirectory(env);
  return { host, tls: { certificatesDir, verify: Boolean(env.DOCKER_TLS_VERIFY) }, env };
}

function configDirectory(env: NodeJS.ProcessEnv): string {
  return env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker');
}

/**
 * Whether nothing names a context or a way to encrypt. The answer of the docker command line is known then, and need
 * not be waited for.
 */
function isDefaultContext(env: NodeJS.ProcessEnv): boolean {
  if (env.DOCKER_CONTEXT || env.DOCKER_TLS || env.DOCKER_TLS_VERIFY || process.platform === 'win32') return false;
  try {
    const config = JSON.parse(fs.readFileSync(join(configDirectory(env), 'config.json'), 'utf8')) as {
      currentContext?: unknown;
    };
    return [undefined, '', 'default'].includes(config.currentContext as string | undefined);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

interface ContextInspect {
  Name: string;
  Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
  TLSMaterial?: { docker?: string[] };
  Storage?: { TLSPath?: string };
}

async function endpointOfContext(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<DockerEndpoint | undefined> {
  let output: string;
  try {
    ({ stdout: output } = await execa('docker', ['context', 'inspect'], {
      env,
      extendEnv: false,
      stdin: 'ignore',
      cancelSignal: signal,
    }));
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (signal.aborted) throw new OdoError('cancelled', 'cancelled', { cause: signal.reason });
    if (error.code === 'ENOENT') return undefined;
    throw new OdoError('dockerUnreachable', `the docker context cannot be read: ${String(error.stderr).trim()}`, {
      hint: 'see `docker context ls`, or name the engine with DOCKER_HOST',
      cause: new Error(error.shortMessage),
    });
  }
  return parseContext(output, env);
}

/** Reads what `docker context inspect` prints; undefined when the context has no Docker endpoint. */
export function parseContext(output: string, env: NodeJS.ProcessEnv): DockerEndpoint | undefined {
  const [context] = JSON.parse(output) as ContextInspect[];
  const host = context?.Endpoints?.docker?.Host;
  if (context === undefined || !host) return undefined;
  // The context is given by name. So the command line finds its certificates and ssh settings too, and a `docker
  // context use` meanwhile changes nothing.
  const endpoint: DockerEndpoint = { host, env: { ...env, DOCKER_CONTEXT: context.Name } };
  if (context.TLSMaterial?.docker?.length && context.Storage?.TLSPath) {
    endpoint.tls = {
      certificatesDir: join(context.Storage.TLSPath, 'docker'),
      verify: !context.Endpoints?.docker?.SkipTLSVerify,
    };
  }
  return endpoint;
}
