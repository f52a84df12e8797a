import { OdoError } from '../../errors.ts';
import type { Proxies } from './connection.ts';
import { proxyTo, shownProxy } from './proxy-choice.ts';

/** The parts of an error of Node or of the AWS SDK that tell who it comes from. */
interface Failure {
  code?: string;
  name?: string;
  message?: string;
  /** Status of the proxy's answer, in an error of Node's tunnel. */
  statusCode?: number;
  port?: number;
  hostname?: string;
  /** One error for each address of a name. */
  errors?: Failure[];
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

const WANTS_CREDENTIALS = 407;

/** A request that goes through a proxy. */
export interface ProxiedRequest {
  /** URL of the server. */
  url: string;
  /** Status of an answer that came without an error. */
  status?: number | undefined;
}

/**
 * The fault of the proxy on the way. undefined when the error is the server's, or when nobody can tell. A proxy that
 * does not answer may be waiting for the server, so the message then names both. The proxy is named without its
 * password. `accessDenied` when the proxy refuses. `storeUnreachable` when it is not there or gets nowhere.
 */
export function proxyFault(
  error: unknown,
  proxies: Proxies | undefined,
  { url, status }: ProxiedRequest,
): OdoError | undefined {
  if (proxies === undefined || (typeof error !== 'object' && status === undefined)) return undefined;
  const failure = (error ?? {}) as Failure;
  if (isTimeout(failure)) {
    const proxy = proxyTo(url, proxies);
    if (proxy === undefined) return undefined;
    const message = `no answer in time from the proxy ${proxy}, which is to lead to ${url}`;
    return new OdoError('storeUnreachable', message, { hint: HINT, cause: error });
  }
  if (failure.code === 'ERR_PROXY_TUNNEL') return tunnelFault(failure, proxies.HTTPS_PROXY, error);
  const answered = status ?? failure.$metadata?.httpStatusCode ?? failure.$response?.statusCode;
  if (answered === WANTS_CREDENTIALS) return credentialsFault('HTTP_PROXY', proxies.HTTP_PROXY);
  const [first = failure] = failure.errors ?? [];
  for (const proxy of [proxies.HTTPS_PROXY, proxies.HTTP_PROXY]) {
    if (proxy === undefined || !isAbout(first, proxy)) continue;
    const reason = failure.code ?? first.code ?? 'no reason given';
    return new OdoError('storeUnreachable', `cannot reach the proxy ${shownProxy(proxy)} (${reason})`, {
      hint: HINT,
      cause: error,
    });
  }
  return undefined;
}

const HINT = 'check HTTPS_PROXY and HTTP_PROXY; hosts in NO_PROXY are reached without them';

/** Whether an error is a timeout: of the SDK, of http.ts, or of Node's tunnel, where only the message tells. */
function isTimeout({ name, code, message = '' }: Failure): boolean {
  return name === 'TimeoutError' || (code === 'ERR_PROXY_TUNNEL' && /\btimed out\b/.test(message));
}

function tunnelFault({ statusCode }: Failure, proxy = '', cause: unknown): OdoError {
  if (statusCode === WANTS_CREDENTIALS) return credentialsFault('HTTPS_PROXY', proxy);
  const answer = statusCode === undefined ? 'it closed the connection' : `HTTP ${statusCode}`;
  const isRefusal = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return new OdoError(
    isRefusal ? 'accessDenied' : 'storeUnreachable',
    `the proxy ${shownProxy(proxy)} does not let through to the server (${answer})`,
    {
      hint: isRefusal
        ? 'ask for the server to be let through, or add it to NO_PROXY if it can be reached directly'
        : HINT,
      cause,
    },
  );
}

/** Keeps no cause: the answer of a proxy may repeat what it was sent. */
function credentialsFault(variable: string, proxy = ''): OdoError {
  const hasUser = URL.parse(proxy)?.username !== '';
  return new OdoError(
    'accessDenied',
    hasUser
      ? `the proxy ${shownProxy(proxy)} refuses its user and password`
      : `the proxy ${shownProxy(proxy)} wants a user and a password`,
    {
      hint: `set ${variable} to http://user:password@host:port; special characters are written as %40 for @ and so on`,
    },
  );
}

/**
 * Whether a failed connection was one to the proxy. Its error names the port. For an unknown name, it names the host.
 */
function isAbout({ port, hostname }: Failure, proxy: string): boolean {
  const url = URL.parse(proxy);
  if (url === null) return false;
  if (hostname !== undefined) return hostname === url.hostname;
  return port !== undefined && port === Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
