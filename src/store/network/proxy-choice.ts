import { isIPv4 } from 'node:net';
import type { Proxies } from './connection.ts';

/**
 * The proxy that requests to a URL go through, without its user and password. undefined for a URL that is reached
 * directly. The rules are those of Node's agents: https://nodejs.org/api/http.html#built-in-proxy-support
 */
export function proxyTo(url: string, proxies: Proxies | undefined): string | undefined {
  const target = URL.parse(url);
  if (target === null || proxies === undefined) return undefined;
  const proxy = target.protocol === 'https:' ? proxies.HTTPS_PROXY : proxies.HTTP_PROXY;
  if (proxy === undefined || isExcepted(target, proxies.NO_PROXY ?? '')) return undefined;
  return shownProxy(proxy);
}

/** `http://host:port` of a proxy's URL. */
export function shownProxy(proxy: string): string {
  const url = URL.parse(proxy);
  return url === null ? '' : `${url.protocol}//${url.host}`;
}

function isExcepted({ hostname, port, protocol }: URL, list: string): boolean {
  const withPort = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
  const entries = list
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '');
  return entries.some((entry) => {
    if (entry === '*' || entry === hostname || entry === withPort) return true;
    if (entry.startsWith('.')) return hostname.endsWith(entry.slice(1));
    if (entry.startsWith('*.')) return hostname.endsWith(entry.slice(1));
    return isIPv4(hostname) && isInRange(hostname, entry);
  });
}

/** Whether an address lies in a range such as `192.168.1.1-192.168.1.100`, both ends included. */
function isInRange(address: string, range: string): boolean {
  const [first = '', last = '', ...more] = range.split('-');
  if (more.length > 0 || !isIPv4(first) || !isIPv4(last)) return false;
  return numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last);
}

function numberOf(address: string): number {
  return address.split('.').reduce((total, part) => total * 256 + Number(part), 0);
}
