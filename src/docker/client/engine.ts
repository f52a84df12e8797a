import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { cancelled, OdoError } from '../../errors.ts';
import { DialStdioAgent } from './dial-stdio.ts';
import { hintForConnection, messageOf } from './docker-errors.ts';
import { type DockerEndpoint, findEndpoint } from './endpoint.ts';

const CONNECT_TIMEOUT_MS = 20_000;

/** A Docker engine that has answered. */
export interface DockerEngine {
  docker: Dockerode;
  /** For messages, such as `unix:///var/run/docker.sock`. */
  host: string;
  /**
   * The environment with which `docker compose` speaks to this very engine. It includes the caller's own environment.
   */
  env: NodeJS.ProcessEnv;
  /** The engine's version, such as `28.2.2`. */
  version: string;
  /** The newest API it speaks, such as `1.50`. */
  apiVersion: string;
}

/**
 * Connects to the engine that the docker command line would use, and makes sure that it answers. `dockerUnreachable`
 * when it does not.
 */
export async function connectDocker(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<DockerEngine> {
  const endpoint = await findEndpoint(env, signal);
  // The package is large, and neither a listing nor the program in a restore container uses it.
  const { default: Client } = await import('dockerode');
  const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  try {
    const docker = new Client(await clientOptions(endpoint));
    const { Version, ApiVersion } = await askVersion(docker, AbortSignal.any([signal, timeout]));
    if (!ApiVersion) throw new Error('what answers there is not a Docker engine');
    return { docker, host: endpoint.host, env: endpoint.env, version: Version, apiVersion: ApiVersion };
  } catch (error) {
    if (signal.aborted) throw cancelled(error);
    const reason = timeout.aborted ? `no answer within ${CONNECT_TIMEOUT_MS / 1000} s` : messageOf(error);
    throw new OdoError('dockerUnreachable', `docker at ${endpoint.host} cannot be reached: ${reason}`, {
      hint: hintForConnection(error),
      cause: error,
    });
  }
}

// dockerode takes an abort signal here; its types do not say so.
function askVersion(docker: Dockerode, abortSignal: AbortSignal): Promise<Dockerode.DockerVersion> {
  return (docker.version as (options: { abortSignal: AbortSignal }) => Promise<Dockerode.DockerVersion>)({
    abortSignal,
  });
}

/**
 * The client's options. Every option that docker-modem would take from DOCKER_HOST and its like is given, if only as
 * undefined: the process's environment has no say here.
 */
export async function clientOptions(
  endpoint: DockerEndpoint,
): Promise<Dockerode.DockerOptions & { agent?: unknown; pathPrefix: string }> {
  const none = {
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
    pathPrefix: '/',
  };
  const { host, tls } = endpoint;
  if (host.startsWith('unix://')) return { ...none, protocol: 'http', socketPath: host.slice('unix://'.length) };
  if (host.startsWith('npipe://')) return { ...none, protocol: 'http', socketPath: host.slice('npipe://'.length) };
  if (host.startsWith('ssh://'))
    return { ...none, protocol: 'http', host: 'docker', agent: new DialStdioAgent(endpoint.env) };

  const url = URL.parse(host.replace(/^tcp:/, 'http:'));
  if (url === null || !/^(tcp|https?):/.test(host))
    throw new Error('an address like unix:///path, tcp://host:port or ssh://host is needed');
  if (tls === undefined && url.protocol === 'http:') {
    return { ...none, protocol: 'http', host: url.hostname, port: url.port || 2375, pathPrefix: url.pathname };
  }
  const agent = new Agent({
    rejectUnauthorized: tls?.verify ?? true,
    ...(tls && (await readCertificates(tls.certificatesDir))),
  });
  return { ...none, protocol: 'https', host: url.hostname, port: url.port || 2376, pathPrefix: url.pathname, agent };
}

async function readCertificates(dir: string): Promise<{ ca?: Buffer; cert?: Buffer; key?: Buffer }> {
  const read = async (name: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
