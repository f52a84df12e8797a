import { setTimeout as sleep } from 'node:timers/promises';
import { containerState, logsSince } from '../docker/container.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { OdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { ServerStatus, ServiceDatabase } from './service-database.ts';

/** Between two looks at the server. */
const INTERVAL_MS = 200;
/** Between two reports of progress. */
const REPORT_INTERVAL_MS = 500;
const LOG_LINES = 50;

/** What our own questions leave in the server's log: it says nothing of progress. */
const OWN_TRACES = /\b(FATAL|DETAIL|HINT|CONTEXT|STATEMENT):|LOG: +(connection|disconnection|statement|duration|execute)\b/;

/** What a server that is not ready yet writes about each of our questions. */
const TURNED_DOWN = /FATAL: +the database system is |DETAIL: +(Consistent recovery state|Hot standby mode)/;

/** What a server writes about each segment that the restore_command has brought. */
const TAKEN_SEGMENT = /restored log file "([0-9A-F]{24})" from archive/;

/** What is done with a server that has paused. promote: at once · wait: nothing more · resume: it goes on to its target, and from there out of recovery · end: so is one that has not paused */
export type AtTarget = 'promote' | 'wait' | 'resume' | 'end';

export interface Watched {
  docker: DockerEngine;
  containerId: string;
  database: ServiceDatabase;
  /** How long nothing may change: neither the replay position nor the server's log. */
  stallTimeoutMs: number;
  atTarget: AtTarget;
  /** Of a server that never pauses by itself: whether it has come far enough to be left. */
  enough?: (status: ServerStatus) => boolean;
}

/**
 * Follows a started server until it is out of recovery, or waits at its target if it is to. A container that ends or starts over is
 * `recoveryFailed`, with what the server said last; no progress for too long is `promotionNotSeen`.
 */
export async function watchRecovery(watched: Watched, report: Report, signal: AbortSignal): Promise<ServerStatus> {
  const { docker, containerId, database, atTarget } = watched;
  const first = await containerState(docker, containerId);
  const sinceUnixSeconds = Math.floor((first.startedAt?.getTime() ?? Date.now()) / 1000);
  let promoted = false;
  let lastSign = '';
  let lastSignAt = performance.now();
  let lastReportAt = Number.NEGATIVE_INFINITY;

  function tell(status: ServerStatus | undefined, log: readonly string[]): void {
    const isOver = status?.inRecovery === false;
    const walSegment = TAKEN_SEGMENT.exec(log.findLast((line) => TAKEN_SEGMENT.test(line)) ?? '')?.[1];
    const { replayLsn, lastCommitTime } = status ?? {};
    if (walSegment === undefined && replayLsn === undefined) return;
    if (!isOver && performance.now() - lastReportAt < REPORT_INTERVAL_MS) return;
    lastReportAt = performance.now();
    report({
      type: 'progress',
      phase: 'recover',
      ...(walSegment === undefined ? {} : { walSegment }),
      ...(replayLsn === undefined ? {} : { replayLsn }),
      ...(lastCommitTime === undefined ? {} : { replayTime: lastCommitTime }),
    });
  }

  for (;;) {
    signal.throwIfAborted();
    const state = await containerState(docker, containerId);
    const startedOver = state.restartCount > first.restartCount || state.startedAt?.getTime() !== first.startedAt?.getTime();
    if (!state.running || startedOver) {
      throw recoveryFailed(state.exitCode, await logsSince(docker, containerId, sinceUnixSeconds, LOG_LINES));
    }
    const answer = await database.status().catch((error: unknown) => {
      // Between two looks the container may have ended, which the next look sees; anything else is passed on.
      if (error instanceof OdoError && error.code === 'serviceNotFound') return undefined;
      throw error;
    });
    const log = (await logsSince(docker, containerId, sinceUnixSeconds, LOG_LINES)).split('\n');
    tell(answer?.ready ? answer.value : undefined, log);
    if (answer?.ready) {
      if (!answer.value.inRecovery) return answer.value;
      if (watched.enough?.(answer.value)) return answer.value;
      if (atTarget === 'end' && !promoted) {
        await database.promote();
        promoted = true;
      }
      if (answer.value.replayPaused) {
        if (atTarget === 'wait') return answer.value;
        if (atTarget === 'resume') await database.resume();
        else if (!promoted) await database.promote();
        promoted = true;
      }
    }
    const sign = `${answer?.ready ? answer.value.replayLsn : answer?.reason} ${lastWords(log)}`;
    if (sign !== lastSign) {
      lastSign = sign;
      lastSignAt = performance.now();
    } else if (performance.now() - lastSignAt > watched.stallTimeoutMs) {
      throw promotionNotSeen(watched.stallTimeoutMs, answer && !answer.ready ? answer.reason : 'it is still in recovery');
    }
    await sleep(INTERVAL_MS, undefined, { signal });
  }
}

/** The last line of the log that is not about our own questions. */
function lastWords(log: readonly string[]): string {
  return log.findLast((line) => line.trim() !== '' && !OWN_TRACES.test(line)) ?? '';
}

function recoveryFailed(exitCode: number, log: string): OdoError {
  const lines = log.split('\n').map((line) => line.trim());
  const told = lines.filter((line) => line !== '' && !TURNED_DOWN.test(line));
  // What stands before the fatal line names the file or setting, what follows it the remedy.
  const fatal = told.findLastIndex((line) => /\b(FATAL|PANIC):/.test(line));
  const words = (fatal < 0 ? told.slice(-6) : told.slice(Math.max(0, fatal - 3), fatal + 3)).join('\n  ');
  return new OdoError(
    'recoveryFailed',
    `the server stopped during recovery (status ${exitCode}):\n  ${words || 'it wrote nothing to its log'}`,
  );
}

function promotionNotSeen(stallTimeoutMs: number, reason: string): OdoError {
  return new OdoError('promotionNotSeen', `the server made no progress for ${Math.round(stallTimeoutMs / 1000)} s: ${reason}`, {
    hint: 'the server is left running; look at its log',
  });
}
