/**
 * The network of a container that talks to the store. It is the host's own when only the host itself can reach one of
 * the addresses, else the engine's default bridge. `addresses` are URLs or host:port of the store and of proxies on the
 * way; none for AWS itself.
 */
export function networkFor(addresses: readonly string[], override?: string): string {
  if (override) return override;
  return addresses.some((address) => isLoopback(hostOf(address))) ? 'host' : 'bridge';
}

function hostOf(endpoint: string): string {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`);
  return (url?.hostname ?? '')
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  // A client takes the unspecified address for its own host. ::ffff:7f… is 127.… as URL writes it.
  return /^127(\.\d+){3}$/.test(host) || ['0.0.0.0', '::', '::1'].includes(host) || /^::ffff:7f[0-9a-f]{2}:/.test(host);
}
