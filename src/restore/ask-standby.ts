import { setTimeout as sleep } from 'node:timers/promises';
import { resolveService } from '../docker/service.ts';
import { cancelled, OdoError } from '../errors.ts';
import { withoutUndefined } from '../formats/without-undefined.ts';
import type { FoundService } from './prove-service.ts';
import { openServiceDatabase, type ServiceDatabase } from './service-database.ts';

/** Between two attempts to ask a server that does not answer. */
const ASK_EVERY_MS = 2_000;

/** What a standby says of itself. */
export interface Standby {
  replayLsn?: string;
  lastCommitTime?: string;
  targetTimeline: string;
}

/** Asks the server until it answers: it may be stopped, started and made anew meanwhile. */
export function askStandby(
  { docker, project, service, data }: FoundService,
  tellTrouble: (messages: string[]) => void,
  signal: AbortSignal,
): () => Promise<Standby | 'promoted'> {
  async function askOnce(): Promise<Standby | 'promoted' | undefined> {
    const { containers, env } = await resolveService(docker, project, service.name);
    const answering = containers.find((container) => container.answers);
    const address = answering && { docker, containerId: answering.id, dataDirectory: data.place.root, env };
    return address && standbyStatus(openServiceDatabase(address, signal));
  }

  return async () => {
    for (;;) {
      const answer = await askOnce().catch(unlessSilent);
      if (signal.aborted) throw cancelled(signal.reason);
      tellTrouble(answer ? [] : [`the server of service ${service.name} does not answer; this waits for it`]);
      if (answer) return answer;
      await sleep(ASK_EVERY_MS, undefined, { signal });
    }
  };
}

async function standbyStatus(database: ServiceDatabase): Promise<Standby | 'promoted' | undefined> {
  const status = await database.status();
  if (!status.ready) return undefined;
  const { inRecovery, replayLsn, lastCommitTime } = status.value;
  if (!inRecovery) return 'promoted';
  const [[targetTimeline = 'latest'] = []] = await database.query('show recovery_target_timeline');
  return { ...withoutUndefined({ replayLsn, lastCommitTime }), targetTimeline };
}

/** Between two questions the server may have ended, and an engine may be restarting. */
function unlessSilent(error: unknown): undefined {
  if (error instanceof OdoError && ['serviceNotFound', 'promotionNotSeen', 'dockerUnreachable'].includes(error.code))
    return undefined;
  throw error;
}
