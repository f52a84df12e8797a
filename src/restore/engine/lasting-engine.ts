import { setTimeout as sleep } from 'node:timers/promises';
import { OdoError } from '../../errors.ts';
import type { Engine } from '../contract/engine.ts';

const AGAIN_AFTER_MS = 2_000;
/** After so many failures in a row it is no hiccup. */
const MOST_FAILURES = 100;

/** An engine that is opened again whenever its container, or Docker itself, was gone for a while. */
export interface LastingEngine {
  /** Does a step that can be done twice. */
  during<T>(step: (engine: Engine) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @param tell gets the message of each failure, and an empty list when there is none any more */
export function openLastingEngine(
  first: Engine,
  open: () => Promise<Engine>,
  tell: (messages: string[]) => void,
  signal: AbortSignal,
  {
    againAfterMs = AGAIN_AFTER_MS,
    mostFailures = MOST_FAILURES,
  }: { againAfterMs?: number; mostFailures?: number } = {},
): LastingEngine {
  let engine: Engine | undefined = first;
  const close = async () => {
    await engine?.close().catch(() => undefined);
    engine = undefined;
  };
  return {
    async during(step) {
      for (let failures = 1; ; failures++) {
        try {
          engine ??= await open();
          const result = await step(engine);
          tell([]);
          return result;
        } catch (error) {
          const isGone = error instanceof OdoError && error.code === 'dockerUnreachable';
          if (!isGone || signal.aborted || failures >= mostFailures) throw error;
          tell([`${error.message}; this goes on with another container as soon as there can be one`]);
          await close();
          await sleep(againAfterMs, undefined, { signal });
        }
      }
    },
    close,
  };
}
