import type { LifeSigns } from './life-signs.ts';
import { neverPaused, unknownPause } from './recovery-errors.ts';
import { pauseIn } from './server-log.ts';
import type { Look, Recovered, Watched } from './watched.ts';

/** A server that cannot be asked has come to rest when nothing changes for so long. */
const QUIET_MS = 10_000;

/** What settleAtTarget() needs of the watching that it is part of. */
export interface Beside {
  signs: LifeSigns;
  /** Everything that the server wrote to its logs: `log`, of its container, and the log in its data directory. */
  lastWords(log: string | undefined): Promise<string>;
  warnOnce(message: string): void;
}

/**
 * Acts on a server that has come to its target, or has paused before it. Gives the server's state once it is left
 * there. `refusal`: the server turns ODO down, so only its files and its log tell.
 */
export function settleAtTarget(
  watched: Pick<Watched, 'database' | 'volume' | 'atTarget' | 'enough' | 'isAtTarget'>,
  { signs, lastWords, warnOnce }: Beside,
): (seen: Look, refusal: string | undefined) => Promise<Recovered | undefined> {
  const { database, volume, atTarget } = watched;
  let isPromoted = false;

  return async ({ answer, volume: files, log }, refusal) => {
    if (answer?.ready) {
      const status = answer.value;
      if (watched.enough?.(status)) return status;
      if (atTarget === 'end' && !isPromoted) {
        isPromoted = true;
        await database.promote();
      }
      // The files have to be seen first: the server may have paused over a setting that is too low.
      if (!status.replayPaused || (volume && !files)) return undefined;
      if (atTarget !== 'wait') {
        await database.resume();
        return undefined;
      }
      const pause = pauseIn(log ?? '');
      const isThere = watched.isAtTarget?.(status);
      if (pause === 'at the end' || (pause === undefined && isThere !== false)) return status;
      // At its target, a server that is told to go on leaves recovery. So it is never told on suspicion.
      if (pause === 'on the way' && isThere !== true) {
        warnOnce(`replay was paused at ${status.replayLsn ?? 'an unknown position'}, before the target; it goes on`);
        await database.resume();
      }
      return undefined;
    }
    if (refusal === undefined || files?.serverStatus !== 'standby') return undefined;
    // The server answers others, but not ODO.
    const waits = { inRecovery: true, replayPaused: atTarget === 'wait', unasked: refusal };
    if (atTarget === 'end' && !isPromoted) {
      isPromoted = true;
      await database.promote();
    }
    if (watched.enough) return signs.quietForMs() > QUIET_MS ? { ...waits, replayPaused: false } : undefined;
    if (atTarget !== 'wait' && atTarget !== 'resume') return undefined;
    if (pauseIn(await lastWords(log)) === 'at the end') {
      if (atTarget === 'wait') return waits;
      if (!isPromoted) await database.promote();
      isPromoted = true;
    } else if (signs.quietForMs() > QUIET_MS && !isPromoted) {
      throw atTarget === 'wait' ? unknownPause(refusal) : neverPaused(refusal);
    }
    return undefined;
  };
}
