import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, OdoError } from '../errors.ts';

const AGAIN_AFTER_MS = 1000;
const PATIENCE_MS = 30_000;

/** How long, and how often, a silent engine is asked. */
export interface Patience {
  forMs?: number;
  everyMs?: number;
}

/**
 * Does work that can be done twice. Where the engine does not answer, tries again and again for a while, since it may
 * be restarting.
 */
export async function patiently<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  { forMs = PATIENCE_MS, everyMs = AGAIN_AFTER_MS }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + forMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isSilent = error instanceof OdoError && error.code === 'dockerUnreachable';
      if (!isSilent || performance.now() > deadline) throw error;
      await sleep(everyMs, undefined, { signal }).catch(() => {
        throw cancelled(error);
      });
    }
  }
}
