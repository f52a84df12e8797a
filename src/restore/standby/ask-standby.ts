import { setTimeout as sleep } from 'node:timers/promises';
import { resolveService } from '../../docker/compose/service.ts';
import { cancelled, OdoError } from '../../errors.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import { type Answer, openServiceDatabase, type ServiceDatabase } from '../database/service-database.ts';
import type { FoundService } from '../service/found-service.ts';

/** Pause between two attempts to ask a server that does not answer. */
const ASK_EVERY_MS = 2_000;

/** What a standby says of itself. */
export interface FollowedStandby {
  replayLsn?: string;
  lastCommitTime?: string;
  targetTimeline: string;
}

/** What is known of a standby that turns ODO down: only what ODO sets for a standby. */
const UNASKED: FollowedStandby = { targetTimeline: 'latest' };

/**
 * Asks the server until it answers. It may be stopped, started and made anew meanwhile. A server that turns ODO down
 * for good is not waited for: its files say how far it is, and whether it is promoted.
 */
export function askStandby(
  { docker, project, service, data }: FoundService,
  tellTrouble: (messages: string[]) => void,
  signal: AbortSignal,
  everyMs = ASK_EVERY_MS,
): () => Promise<FollowedStandby | 'promoted'> {
  const who = `the server of service ${service.name}`;

  async function askOnce(): Promise<Answer<FollowedStandby | 'promoted'>> {
    const { containers, env } = await resolveService(docker, project, service.name);
    const answering = containers.find((container) => container.answers);
    if (!answering) return { ready: false, refused: false, reason: 'it does not run' };
    const address = { docker, containerId: answering.id, dataDirectory: data.place.root, env };
    return standbyStatus(openServiceDatabase(address, signal));
  }

  return async () => {
    for (;;) {
      const answer = await askOnce().catch(unlessSilent);
      if (signal.aborted) throw cancelled(signal.reason);
      if (answer.ready) {
        tellTrouble([]);
        return answer.value;
      }
      if (answer.refused) {
        tellTrouble([`${who} turns ODO down, so that its files alone tell how far it is: ${answer.reason}`]);
        return UNASKED;
      }
      tellTrouble([`${who} does not answer (${answer.reason}); this waits for it`]);
      await sleep(everyMs, undefined, { signal }).catch(() => {
        throw cancelled(signal.reason);
      });
    }
  };
}

async function standbyStatus(database: ServiceDatabase): Promise<Answer<FollowedStandby | 'promoted'>> {
  const status = await database.status();
  if (!status.ready) return status;
  const { inRecovery, replayLsn, lastCommitTime } = status.value;
  if (!inRecovery) return { ready: true, value: 'promoted' };
  const [[targetTimeline = 'latest'] = []] = await database.query('show recovery_target_timeline');
  return { ready: true, value: { ...withoutUndefined({ replayLsn, lastCommitTime }), targetTimeline } };
}

/** Takes these errors for silence: the server may have ended since, and an engine may be restarting. */
function unlessSilent(error: unknown): Answer<never> {
  const isSilent =
    error instanceof OdoError && ['serviceNotFound', 'promotionNotSeen', 'dockerUnreachable'].includes(error.code);
  if (isSilent) return { ready: false, refused: false, reason: error.message };
  throw error;
}
