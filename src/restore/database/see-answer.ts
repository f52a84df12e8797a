import { setTimeout as sleep } from 'node:timers/promises';
import { containerState } from '../../docker/client/container.ts';
import { asOdoError } from '../../errors.ts';
import { type DatabaseAddress, openServiceDatabase } from './service-database.ts';

/** How long a server that was just started may take to answer. */
const ANSWER_MS = 60_000;
/** Pause between two questions to that server. */
const ASK_EVERY_MS = 250;

/** Whether a server answers, and if it does not, why. */
export interface Answering {
  answers: boolean;
  reason?: string;
}

/**
 * Waits until a started server answers, its container has ended or starts over, or its time is over. A login that is
 * refused is an answer.
 */
export async function seeAnswer(address: DatabaseAddress, signal: AbortSignal): Promise<Answering> {
  const { docker, containerId } = address;
  const database = openServiceDatabase(address, signal);
  const first = await containerState(docker, containerId);
  const deadline = performance.now() + ANSWER_MS;
  let reason = '';
  for (;;) {
    signal.throwIfAborted();
    const state = await containerState(docker, containerId);
    const hasEnded = !state.running || state.restartCount > first.restartCount;
    if (hasEnded) return { answers: false, reason: `its container ended with status ${state.exitCode}` };
    try {
      const answer = await database.status();
      if (answer.ready || answer.refused) return { answers: true };
      reason = answer.reason;
    } catch (error) {
      // The next look at the container tells whether it has ended.
      reason = asOdoError(error, signal).message;
    }
    if (performance.now() > deadline) return { answers: false, reason };
    await sleep(ASK_EVERY_MS, undefined, { signal });
  }
}
