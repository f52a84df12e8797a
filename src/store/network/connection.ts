import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { OdoError } from '../../errors.ts';
import { ReceivingHttpAgent, ReceivingHttpsAgent } from './receive-buffer.ts';

/** How a server is reached over HTTP, as plain JSON. */
export interface Connection {
  /** Certificates of authorities to trust besides those that the system knows, as PEM text. */
  caBundle?: string;
  /** false accepts any certificate. Whoever sits between can then read and change everything. */
  verifyTls?: boolean;
  /** The proxies of the environment. They may hold passwords: never log them. */
  proxies?: Proxies;
}

/** The variables that name proxies, in upper case. */
export interface Proxies {
  HTTP_PROXY?: string;
  HTTPS_PROXY?: string;
  /** Hosts that are reached without a proxy, separated by commas. */
  NO_PROXY?: string;
}

export interface Agents {
  httpAgent: http.Agent;
  httpsAgent: https.Agent;
}

/** Agents that keep connections alive. `usage` for a proxy that is no URL, or that this Node cannot go through. */
export function createAgents(connection: Connection, maxSockets: number): Agents {
  const { caBundle, verifyTls, proxies } = connection;
  checkProxies(proxies);
  const common = { keepAlive: true, maxSockets };
  const secure = {
    // A context, since the text of the certificates would be part of the name of each connection.
    ...(caBundle === undefined ? {} : { secureContext: trusting(caBundle) }),
    ...(verifyTls === false ? { rejectUnauthorized: false } : {}),
  };
  if (proxies === undefined) {
    return { httpAgent: new ReceivingHttpAgent(common), httpsAgent: new ReceivingHttpsAgent({ ...common, ...secure }) };
  }
  // Node opens the tunnels of proxies itself, and reads their answers from the socket.
  const proxyEnv = { ...proxies };
  return {
    httpAgent: new http.Agent({ ...common, proxyEnv }),
    httpsAgent: new https.Agent({ ...common, ...secure, proxyEnv }),
  };
}

/**
 * The context of the bundle that was asked for last. A command opens its store many times, and some 150 certificates
 * take a tenth of a second.
 */
let trusted: { caBundle: string; context: tls.SecureContext } | undefined;

function trusting(caBundle: string): tls.SecureContext {
  if (trusted?.caBundle !== caBundle) {
    trusted = { caBundle, context: tls.createSecureContext({ ca: [...tls.getCACertificates('default'), caBundle] }) };
  }
  return trusted.context;
}

/** The URLs of the proxies that are set, for telling whether they are on this machine itself. */
export function proxyUrls(proxies: Proxies | undefined): string[] {
  return [proxies?.HTTP_PROXY, proxies?.HTTPS_PROXY].filter((url) => url !== undefined);
}

function checkProxies(proxies: Proxies | undefined): void {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY'] as const) {
    const url = proxies?.[name];
    if (url === undefined) continue;
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
      // The URL is not repeated in the message: it may hold a password.
      throw new OdoError('usage', `${name} is not the URL of an HTTP proxy`, {
        hint: `set it to http://host:port, or unset it`,
      });
    }
  }
  if (proxyUrls(proxies).length > 0 && !knowsProxies(process.versions.node)) {
    throw new OdoError(
      'usage',
      `Node.js ${process.versions.node} cannot go through the proxy that the environment names`,
      {
        hint: 'use Node.js 22.21 or newer, 24.5 or newer of 24; or unset HTTP_PROXY and HTTPS_PROXY',
      },
    );
  }
}

/** Whether the agents of this release of Node take `proxyEnv`. Older ones would ignore it in silence. */
export function knowsProxies(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
}
