import { setTimeout as sleep } from 'node:timers/promises';
import { asOdoError, cancelled } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { keysOf, type StoreConfig } from '../../store/kinds/open.ts';
import type { StoreKeys } from '../../store/objects/store-keys.ts';
import { retrying } from '../../store/reading/retry.ts';

/**
 * How long before their end keys are exchanged for later ones. Keys with a shorter life are exchanged when half of what
 * is left is over.
 */
const LEAD_MS = 600_000;
const LEAST_PAUSE_MS = 5_000;
/** A timer takes no more than 24 days. */
const LONGEST_PAUSE_MS = 86_400_000;

/** The keys of a process that cannot get at the host's profiles and roles. */
export interface SuppliedKeys {
  /**
   * Does work in that process. The work begins with the keys of now, and gets others before they end, for as long as it
   * lasts. A failure to renew keys is told once, and tried again. Keys that do not say when they end stay as they are.
   */
  during<T>(
    store: StoreConfig,
    report: Report,
    signal: AbortSignal,
    work: (store: StoreConfig) => Promise<T>,
  ): Promise<T>;
}

/** Where keys come from, and how time passes. */
export interface KeyMeans {
  keysOf(store: StoreConfig): (() => Promise<StoreKeys>) | undefined;
  /** Rejects when the signal fires. */
  pause(ms: number, signal: AbortSignal): Promise<unknown>;
}

const REAL_MEANS: KeyMeans = { keysOf, pause: (ms, signal) => sleep(ms, undefined, { signal, ref: false }) };

/** @param give hands new keys to the process */
export function supplyKeys(give: (credentials: StoreKeys) => void, { keysOf, pause } = REAL_MEANS): SuppliedKeys {
  let held: StoreKeys | undefined;
  /** When other keys are due. This outlives the work, which may be one of many short ones. */
  let dueAt = 0;

  function hold(credentials: StoreKeys): void {
    held = credentials;
    dueAt = Date.now() + pauseMs(leftMs(credentials));
  }

  async function renew(keys: () => Promise<StoreKeys>, report: Report, signal: AbortSignal): Promise<void> {
    let isTold = false;
    while (held?.expiresAt !== undefined) {
      const { expiresAt } = held;
      try {
        await pause(Math.max(0, dueAt - Date.now()), signal);
        const next = await keys();
        hold(next);
        if (signal.aborted) return;
        if (next.expiresAt !== expiresAt) give(next);
        isTold = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!isTold) report({ type: 'note', level: 'warning', message: worry(asOdoError(error).message, expiresAt) });
        isTold = true;
        hold(held);
      }
    }
  }

  return {
    async during(store, report, signal, work) {
      const keys = keysOf(store);
      if (!keys) return work(store);
      if (!held && store.credentials) hold(store.credentials);
      // Keys that the process still has are good enough: the service that gives out keys may be away just now.
      if (!held || leftMs(held) < LEAST_PAUSE_MS)
        hold(await retrying(keys, { retryForMs: store.retryForMs ?? 0, signal }));
      if (signal.aborted) throw cancelled(signal.reason);
      const over = new AbortController();
      void renew(keys, report, over.signal);
      try {
        return await work({ ...store, ...(held ? { credentials: held } : {}) });
      } finally {
        over.abort();
      }
    },
  };
}

function leftMs({ expiresAt }: StoreKeys): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) - Date.now();
}

function pauseMs(left: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.max(left - LEAD_MS, left / 2, LEAST_PAUSE_MS));
}

function worry(message: string, expiresAt: string): string {
  return `the S3 keys, which end at ${expiresAt}, cannot be renewed yet: ${message}`;
}
