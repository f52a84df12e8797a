import { setTimeout as sleep } from 'node:timers/promises';
import type { RecoveryState } from '../../cluster/recovery-state.ts';
import type { ContainerState } from '../../docker/client/container.ts';
import { cancelled, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { parseLsn } from '../../postgres/terms/wal-names.ts';
import { asItEnded, byItsFiles } from './as-it-ended.ts';
import { settleAtTarget } from './at-its-target.ts';
import { createLifeSigns } from './life-signs.ts';
import { notBack, promotionNotSeen, recoveryFailed, removedMeanwhile, restartedTooOften } from './recovery-errors.ts';
import { diedByItself, takenSegmentOf, toldToStop } from './server-log.ts';
import type { Clock, Look, Recovered, Watched } from './watched.ts';

/** Pause between two looks at the server: at first, and when recovery takes longer. */
const INTERVAL_MS = { first: 200, later: 2000 };
/** How long the first pause holds. */
const FIRST_MS = 60_000;
/** Pause between two reports of progress. */
const REPORT_INTERVAL_MS = 500;
/** Pause between two questions to a server that says in its own file that it takes no connections yet. */
const DEAF_MS = 5000;
/** How long a server may take to answer that has been promoted by its files. */
const ANSWER_MS = 10_000;
/** How long a server may be gone: somebody who restarts a container stops it first. */
const RETURN_MS = 20_000;
/** How many restarts by others may bring the recovery no farther than it was. */
const MOST_VAIN_RESTARTS = 3;

/**
 * Exit codes of a server that others have ended: 0 when it was told to stop, 128 + 9 or 128 + 15 when it was killed.
 * With any other code it has ended by itself, unless its log says that it was told to stop.
 */
const ENDED_BY_OTHERS: ReadonlySet<number> = new Set([0, 137, 143]);

const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};

/**
 * Follows a started server until it is out of recovery, or waits at its target if it is to. The server's files decide.
 * What it answers, and what it writes to its log, helps. A server that somebody else restarts is followed on.
 * Errors: `recoveryFailed` for a server that ends by itself, with its last words. `promotionNotSeen` when there is no
 * sign of life for too long. `dockerUnreachable` when the engine does not answer for as long.
 */
export async function watchRecovery(watched: Watched, report: Report, signal: AbortSignal): Promise<Recovered> {
  const { server, database, volume, stallTimeoutMs, clock = CLOCK } = watched;
  const beganAt = clock.now();
  const signs = createLifeSigns(clock.now);
  const told = new Set<string>();
  let first: ContainerState | undefined;
  let refusal: string | undefined;
  let askedAt = beganAt;
  let unreadiness = 'the server has only begun to start';
  let isRestartDue = false;
  let isToAskAgain = false;
  /**
   * The position that the server tells is that of this recovery. It is not for a server that was started again and is
   * out of recovery: it has replayed its new timeline anew, or nothing.
   */
  let isPositionItsOwn = true;
  let heardAt = beganAt;
  let goneSince: number | undefined;
  let endedSince: number | undefined;
  let checkedSettings = '';
  let vainRestarts = 0;
  let farthest = '';
  let farthestAtRestart = '';
  let lastReportAt = Number.NEGATIVE_INFINITY;

  function warnOnce(message: string): void {
    if (told.has(message)) return;
    told.add(message);
    report({ type: 'note', level: 'warning', message });
  }

  /** The files come last: what they say is never older than the answer. */
  async function look(): Promise<Look> {
    const state = await server.state().catch((error: unknown) => {
      throw error instanceof OdoError && error.code === 'serviceNotFound' ? removedMeanwhile(error) : error;
    });
    if (!state.running) return { state, volume: await volume?.look().catch(unlessUnreachable) };
    const logged = () => server.log(first?.startedAt ?? state.startedAt ?? new Date(0));
    const before = await volume?.look().catch(unlessUnreachable);
    if (before && isDeaf(before) && clock.now() - askedAt < DEAF_MS) {
      return {
        state,
        answer: { ready: false, refused: false, reason: unreadiness },
        log: await logged(),
        volume: before,
      };
    }
    const answer = await ask();
    const log = await logged();
    return { state, answer, log, volume: await volume?.look().catch(unlessUnreachable) };
  }

  /** A server that turns ODO down is asked once more when it is out of recovery: then it may have other words. */
  async function ask(): Promise<Look['answer']> {
    if (refusal !== undefined && !isToAskAgain) return undefined;
    const answer = await database.status().catch(unlessUnreachable);
    askedAt = clock.now();
    if (!answer) return undefined;
    isToAskAgain = false;
    if (answer.ready) refusal = undefined;
    else {
      unreadiness = answer.reason;
      if (answer.refused) refusal = answer.reason;
    }
    return answer;
  }

  function tell({ answer, volume: seen, log = '' }: Look): void {
    const status = answer?.ready ? answer.value : undefined;
    const walSegment = seen?.takenSegment ?? takenSegmentOf(log);
    const replayLsn = status?.replayLsn ?? (status === undefined ? seen?.control?.minRecoveryLsn : undefined);
    if (walSegment === undefined && replayLsn === undefined) return;
    if (status?.inRecovery !== false && clock.now() - lastReportAt < REPORT_INTERVAL_MS) return;
    lastReportAt = clock.now();
    report({
      type: 'progress',
      phase: 'recover',
      ...(walSegment === undefined ? {} : { walSegment }),
      ...(replayLsn === undefined ? {} : { replayLsn }),
      ...(status?.lastCommitTime === undefined ? {} : { replayTime: status.lastCommitTime }),
    });
  }

  /** What the server wrote to its logs: `log`, of its container, and the log in its data directory. */
  async function lastWords(log: string | undefined): Promise<string> {
    const own = await volume?.look({ log: true }).catch(unlessUnreachable);
    return [log ?? '', own?.log ?? ''].filter((text) => text.trim() !== '').join('\n');
  }

  const atItsTarget = settleAtTarget(watched, { signs, lastWords, warnOnce });

  async function restartWhereDue(): Promise<void> {
    if (!isRestartDue) return;
    await server.restart();
    isRestartDue = false;
    first = undefined;
    signs.note('restarted');
  }

  /** Raises settings that are too low for the recovery. True when the server was started again for it. */
  async function raiseSettings({ volume: seen }: Look): Promise<boolean> {
    const settings = JSON.stringify(seen?.control?.settings);
    if (!volume || settings === undefined || settings === checkedSettings) return false;
    const raised = await volume.raise().catch((error: unknown) => {
      // Where it matters, the server itself stops over it, and says so.
      if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
      warnOnce(`whether the server has enough of all that its recovery demands could not be seen: ${error.message}`);
      return [];
    });
    checkedSettings = settings;
    if (raised.length === 0) return false;
    const names = raised.map(
      ({ name, has, needed }) => `${name}${has === undefined ? '' : ` from ${has}`} to ${needed}`,
    );
    warnOnce(
      `the original's server was given more on the way: ${names.join(', ')}, and so is this one, which ` +
        'starts again for it',
    );
    await server.restart();
    first = undefined;
    signs.note('restarted');
    return true;
  }

  /** The server does not run: it has ended, was stopped, or is being restarted. */
  async function seeOff(seen: Look): Promise<void> {
    const { exitCode } = seen.state;
    if (await raiseSettings(seen)) return;
    const log = await server.log(first?.startedAt ?? new Date(0));
    if (!ENDED_BY_OTHERS.has(exitCode)) {
      const words = await lastWords(log);
      if (!toldToStop(words)) throw recoveryFailed(exitCode, words);
    }
    goneSince ??= clock.now();
    if (clock.now() - goneSince > RETURN_MS) throw notBack(seen.state, await lastWords(log));
  }

  /** Judges a server that was started anew: by its restart policy, since it has died, or by others. */
  async function meetAgain(seen: Look, before: ContainerState): Promise<void> {
    const log = await server.log(before.startedAt ?? new Date(0));
    const hasDied = seen.state.restartCount > before.restartCount && diedByItself(await lastWords(log));
    checkedSettings = '';
    if (await raiseSettings(seen)) return;
    if (hasDied) throw recoveryFailed(seen.state.exitCode, await lastWords(log));
    isPositionItsOwn = false;
    if (seen.volume?.ended) return;
    vainRestarts = farthest > farthestAtRestart ? 1 : vainRestarts + 1;
    farthestAtRestart = farthest;
    if (vainRestarts > MOST_VAIN_RESTARTS) throw restartedTooOften(vainRestarts);
    warnOnce(
      'the server was restarted by somebody else in the middle of its recovery (a watchdog that minds its ' +
        'health check, perhaps); recovery goes on from where it last noted its place',
    );
    signs.note('restarted');
  }

  for (;;) {
    signal.throwIfAborted();
    try {
      await restartWhereDue();
      const seen = await look();
      heardAt = clock.now();
      const done = await judge(seen);
      if (done) return done;
    } catch (error) {
      if (signal.aborted) throw cancelled(signal.reason);
      if (!isUnreachable(error) || clock.now() - heardAt > stallTimeoutMs) throw error;
      warnOnce(`${(error as OdoError).message}; the server goes on recovering meanwhile, and this waits`);
    }
    await clock.sleep(clock.now() - beganAt < FIRST_MS ? INTERVAL_MS.first : INTERVAL_MS.later, signal);
  }

  async function judge(seen: Look): Promise<Recovered | undefined> {
    const { state, answer, volume: files } = seen;
    tell(seen);
    const replayed = answer?.ready ? answer.value.replayLsn : undefined;
    const position = [files?.takenSegment ?? '', replayed === undefined ? '' : sortable(replayed)].join(' ');
    if (position > farthest) farthest = position;
    if (!state.running) {
      await seeOff(seen);
      return undefined;
    }
    goneSince = undefined;
    const before = first;
    first = state;
    if (
      before &&
      (state.restartCount > before.restartCount || state.startedAt?.getTime() !== before.startedAt?.getTime())
    ) {
      await meetAgain(seen, before);
      return undefined;
    }
    if (answer?.ready && !answer.value.inRecovery) return asItEnded(answer.value, files, isPositionItsOwn);
    if (answer?.ready) isPositionItsOwn = true;
    if (files?.ended && files.serverStatus === 'ready') {
      const words = refusal ?? (answer && !answer.ready ? answer.reason : 'it could not be asked');
      if (endedSince !== undefined && (refusal !== undefined || clock.now() - endedSince > ANSWER_MS))
        return byItsFiles(files, words);
      isToAskAgain = endedSince === undefined;
      endedSince ??= clock.now();
      return undefined;
    }
    if (await raiseSettings(seen)) return undefined;
    return (await atItsTarget(seen, refusal)) ?? (await demandLife(seen));
  }

  async function demandLife({ answer, volume: files, log = '' }: Look): Promise<undefined> {
    const said = answer?.ready ? answer.value.replayLsn : answer?.reason;
    signs.note([said, signs.wordsOf(log), files?.sign, files?.takenSegment].join(' '));
    if (signs.quietForMs() > stallTimeoutMs / 4) {
      signs.noteWork(await database.processes().catch(unlessUnreachable));
    }
    if (signs.quietForMs() <= stallTimeoutMs) return undefined;
    const reason = refusal ?? (answer && !answer.ready ? answer.reason : 'it is still in recovery');
    throw promotionNotSeen(stallTimeoutMs, reason);
  }
}

/**
 * Whether asking would be in vain: the server has no postmaster.pid yet, or answers every login that it is starting up.
 */
function isDeaf({ serverStatus }: RecoveryState): boolean {
  return serverStatus === undefined || serverStatus === 'starting';
}

/**
 * Passes over what the next look sees better: the container may have ended since the last look, or the engine is slow
 * with one answer.
 */
function unlessUnreachable(error: unknown): undefined {
  if (error instanceof OdoError && (error.code === 'serviceNotFound' || error.code === 'dockerUnreachable'))
    return undefined;
  throw error;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof OdoError && error.code === 'dockerUnreachable';
}

/** An LSN as text that sorts as LSNs do: `0/FFFFFFF` before `0/10000000`. */
function sortable(lsn: string): string {
  return parseLsn(lsn).toString(16).padStart(16, '0');
}
