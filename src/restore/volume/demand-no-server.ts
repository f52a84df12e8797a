import { OdoError } from '../../errors.ts';
import { inContainer, serverOn } from '../../tree/exchange/server-on.ts';
import type { Place } from '../../tree/places/place.ts';

/**
 * Refuses to exchange or delete content below a server. A server's working directory is the data directory, so it would
 * go on writing into what takes its place. In a container only the host can tell whether the process in postmaster.pid
 * still runs. `stopped` is the host's word that none does.
 * Errors: `unsafeTarget` when a server may be running.
 */
export function demandNoServer({ root }: Place, host: { stopped?: boolean }): void {
  if (host.stopped && inContainer()) return;
  const server = serverOn(root);
  if (server === undefined) return;
  throw new OdoError(
    'unsafeTarget',
    `a server may be running on ${root}, whose content would be exchanged below it: ${server}`,
    {
      hint: 'stop it first; if none runs, remove postmaster.pid',
    },
  );
}
