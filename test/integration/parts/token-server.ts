import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/**
 * An S3 server, on a loopback address of its own, that takes temporary keys alone; the bucket behind it must be open to
 * everybody.
 */
export interface TokenServer extends FaultProxy {
  /** The session tokens that came. */
  readonly seen: Set<string>;
  /** Those that it takes no longer. */
  readonly ended: Set<string>;
}

export async function startTokenServer(): Promise<TokenServer> {
  const seen = new Set<string>();
  const ended = new Set<string>();
  const proxy = await startFaultProxy(({ headers }) => {
    const token = headers['x-amz-security-token'];
    if (typeof token !== 'string') return { do: 'answer', status: 403, code: 'AccessDenied' };
    seen.add(token);
    return ended.has(token) ? { do: 'answer', status: 400, code: 'ExpiredToken' } : undefined;
  });
  return { ...proxy, seen, ended };
}
