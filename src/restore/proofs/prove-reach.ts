import { asOdoError, OdoError } from '../../errors.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import { localStore } from '../../store/kinds/open.ts';
import type { Engine } from '../contract/engine.ts';
import type { Finding, Proofs } from '../contract/proofs.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { judgeClock, PATIENCE_MS, type RestoreSource } from './prove-repository.ts';

/**
 * Proves that the restore container can read the store. This command's own reading does not show that: the container
 * has another network, other names, and on another machine another clock. So the container reads some of the backup
 * itself, while nothing has been touched.
 */
export async function proveReach(
  engine: Pick<Engine, 'reach'>,
  source: RestoreSource | undefined,
  request: Pick<ServiceRequest, 'store' | 'serviceRef'>,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<void> {
  const part = source?.backup.parts[0];
  if (!part) return;
  const { network } = request.serviceRef;
  await proofs.attempt('store from the restore container', async (): Promise<Finding> => {
    const config = localStore(request.store)?.config ?? request.store;
    const retryForMs = Math.min(config.retryForMs ?? PATIENCE_MS, PATIENCE_MS);
    try {
      const { readBytes, clockSkewMs } = await engine.reach(
        { store: { ...config, retryForMs }, part },
        () => undefined,
        signal,
      );
      const clock = judgeClock(clockSkewMs, "the restore container's clock");
      const evidence = `${formatBytes(readBytes)} of ${part.key} read`;
      return clock.state === 'warning'
        ? { state: 'warning', evidence: `${evidence}; ${clock.evidence}` }
        : { evidence };
    } catch (thrown) {
      const error = asOdoError(thrown, signal);
      if (error.code === 'cancelled' || error.code === 'bug') throw error;
      throw new OdoError(
        error.code,
        `the restore container cannot read the store, which this command can: ${error.message}`,
        {
          hint: hintFor(network),
          cause: error,
        },
      );
    }
  });
}

function hintFor(network: string | undefined): string {
  const now = network === undefined ? 'it has one by the address of the store' : `it has ${network}`;
  return `give it a network that leads there with --network, such as ${network === 'host' ? 'bridge' : 'host'}; ${now}`;
}
