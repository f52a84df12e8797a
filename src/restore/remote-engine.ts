import type { RestoreContainer } from '../docker/restore-container.ts';
import { cancelled, OdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { S3Credentials } from '../store/s3-credentials.ts';
import type { SalvageSurvey } from '../wal/salvage-survey.ts';
import type { AgentMessage, AgentRequest } from './agent-protocol.ts';
import { BUILD } from './build.ts';
import type {
  Cleaned,
  Engine,
  FedWal,
  FinishedRestore,
  FollowJob,
  FollowRound,
  LaidDown,
  LayDownJob,
  Reached,
  ReachJob,
  RolledBack,
  Target,
} from './engine.ts';
import type { RecoveryState } from './recovery-state.ts';
import { supplyKeys } from './renew-keys.ts';
import type { StagedConfiguration } from './staged-configuration.ts';
import type { VolumeStatus } from './status.ts';
import type { OldDataSurvey } from './survey-old-data.ts';

type Hello = Extract<AgentMessage, { hello: object }>['hello'];
type Unnumbered<T> = T extends { id: number } ? Omit<T, 'id'> : never;

/** What needs the store, and so its keys. */
type Work =
  | { do: 'layDown' | 'feed' | 'takeSalvage'; job: LayDownJob }
  | { do: 'follow'; job: FollowJob }
  | { do: 'reach'; job: ReachJob };

interface Waiting {
  report: Report;
  resolve(result: unknown): void;
  reject(error: OdoError): void;
}

/**
 * The engine that works inside a restore container. Opening it waits for the container's first line and refuses one that is of another
 * version or build than ours, since the two sides would not understand each other.
 */
export async function openRemoteEngine(container: RestoreContainer, image: string, version: string): Promise<Engine> {
  const waiting = new Map<number, Waiting>();
  const greeted = Promise.withResolvers<Hello>();
  let lastId = 0;
  let over: OdoError | undefined;

  function take(message: AgentMessage): void {
    if ('hello' in message) greeted.resolve(message.hello);
    else if ('event' in message) waiting.get(message.of)?.report(message.event);
    else answer(message);
  }

  function answer(message: Extract<AgentMessage, { id: number }>): void {
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if ('error' in message) caller?.reject(OdoError.fromReport(message.error));
    else caller?.resolve(message.result);
  }

  async function listen(): Promise<void> {
    for await (const line of container.lines) take(parse(line, image));
    throw endedEarly(image, await container.exited, container.stderrTail().trim());
  }
  listen().catch((error: OdoError) => {
    over = error;
    greeted.reject(error);
    for (const caller of waiting.values()) caller.reject(error);
    waiting.clear();
  });

  async function call(request: Unnumbered<AgentRequest>, report: Report = () => undefined): Promise<unknown> {
    if (over) throw over;
    const id = ++lastId;
    const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject, report }));
    // The container may end while the request is still on its way, when nobody listens to the answer yet.
    answer.catch(() => undefined);
    await container.send(JSON.stringify({ ...request, id }));
    return answer;
  }

  /** For requests that no answer is waited for; a container that is gone is noticed elsewhere. */
  const tellAgent = (request: AgentRequest) => void container.send(JSON.stringify(request)).catch(() => undefined);
  const renewKeys = (credentials: S3Credentials) => tellAgent({ do: 'renew', credentials });
  const keys = supplyKeys(renewKeys);
  const work = (request: Work, tell: Report, signal: AbortSignal) =>
    keys.during(request.job.store, tell, signal, (store) => {
      const job = { ...request.job, store };
      return call({ ...request, job } as Work, tell);
    });

  /** The same of one that an abort of the signal ends. */
  async function workUntil(signal: AbortSignal, request: Work, tell: Report): Promise<unknown> {
    if (signal.aborted) throw cancelled(signal.reason);
    const cancel = () => tellAgent({ do: 'cancel' });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await work(request, tell, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  const theirs = await greeted.promise.catch(async (error: unknown) => {
    await container.end().catch(() => undefined);
    throw error;
  });
  if (theirs.version !== version || theirs.build !== BUILD) {
    await container.end();
    throw otherBuild(image, theirs, { version, build: BUILD });
  }
  return {
    async probe(target, options) {
      const request = { do: 'probe', target } as const;
      return (await call(options ? { ...request, options } : request)) as Awaited<ReturnType<Engine['probe']>>;
    },
    async reach(job, signal) {
      return (await workUntil(signal, { do: 'reach', job }, () => undefined)) as Reached;
    },
    async tryWriting(target, owner) {
      await call({ do: 'tryWriting', target, ...(owner ? { owner } : {}) });
    },
    async status(target) {
      return (await call({ do: 'status', target })) as VolumeStatus;
    },
    async staged(target) {
      return (await call({ do: 'staged', target })) as StagedConfiguration;
    },
    async amend(target, amendments, owner) {
      await call({ do: 'amend', target, amendments, ...(owner ? { owner } : {}) });
    },
    async recheckPages(target, suspects) {
      await call({ do: 'recheckPages', target, suspects });
    },
    async recoveryState(target, options) {
      const request = { do: 'recoveryState', target } as const;
      return (await call(options ? { ...request, options } : request)) as RecoveryState;
    },
    async raiseSettings(target, facts) {
      return (await call({ do: 'raiseSettings', target, facts })) as Awaited<ReturnType<Engine['raiseSettings']>>;
    },
    async archivingConfigured(target, facts) {
      return ((await call({ do: 'archivingConfigured', target, facts })) as boolean | null) ?? undefined;
    },
    async surveyOld(target, question) {
      return ((await call({ do: 'surveyOld', target, question })) as OldDataSurvey | null) ?? undefined;
    },
    async clean(target, options) {
      return (await call({ do: 'clean', target, ...(options ? { options } : {}) })) as Cleaned;
    },
    async layDown(job, tell, signal) {
      return (await workUntil(signal, { do: 'layDown', job }, tell)) as LaidDown;
    },
    async feed(job, tell, signal) {
      // Feeding ends with the container; whoever waits no longer wants to hear of it.
      const dropped = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(cancelled(signal.reason)), { once: true });
      });
      return Promise.race([work({ do: 'feed', job }, tell, signal) as Promise<FedWal>, dropped]);
    },
    async follow(job, tell, signal) {
      return ((await workUntil(signal, { do: 'follow', job }, tell)) as FollowRound | null) ?? undefined;
    },
    async takeSalvage(job, tell, signal) {
      return ((await workUntil(signal, { do: 'takeSalvage', job }, tell)) as SalvageSurvey | null) ?? undefined;
    },
    renewKeys,
    async swap(target: Target) {
      await call({ do: 'swap', target });
    },
    async takeBack(target) {
      return (await call({ do: 'takeBack', target })) as boolean;
    },
    async rollback(target) {
      return (await call({ do: 'rollback', target })) as RolledBack;
    },
    async noteRollbackTold(target) {
      await call({ do: 'noteRollbackTold', target });
    },
    async discard(target) {
      await call({ do: 'discard', target });
    },
    async finish(options) {
      return (await call({ do: 'finish', options })) as FinishedRestore;
    },
    async close({ forAnother = false } = {}) {
      if (!forAnother) tellAgent({ do: 'end' });
      await container.end();
    },
  };
}

/** Of the first images the build is not known: they did not tell. */
function otherBuild(image: string, theirs: Hello, ours: Hello): OdoError {
  const { version, build } = ours;
  const message =
    theirs.version === version
      ? `the image ${image} holds another build of ODO ${version} (${theirs.build ?? 'an older one'}) than this command (${build})`
      : `the image ${image} holds ODO ${theirs.version}, and this is ODO ${version}`;
  return new OdoError('versionMismatch', message, {
    hint: `command and image must come from one build: make it again in ODO's folder with "npm run build && docker build -t ${image} .", load the one that belongs to this command, or name it with --image or ODO_IMAGE`,
  });
}

/** By 128 + 9 or + 15 somebody killed it: a person, the kernel for want of memory, or an engine that shuts down. */
function endedEarly(image: string, exitCode: number, itsWords: string): OdoError {
  const wasKilled = exitCode === 137 || exitCode === 143;
  const end = wasKilled ? 'was killed' : 'ended';
  return new OdoError(
    wasKilled ? 'dockerUnreachable' : 'bug',
    `the restore container (${image}) ${end} with status ${exitCode} in the middle of its work`,
    { hint: itsWords || 'did somebody stop it, or the kernel for want of memory (see dmesg)? run the same command again' },
  );
}

function parse(line: string, image: string): AgentMessage {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null) throw new TypeError('not an object');
    return message as AgentMessage;
  } catch (cause) {
    throw new OdoError('versionMismatch', `the image ${image} does not speak ODO's language: "${line.slice(0, 200)}"`, {
      hint: 'is it an image of ODO? --image names another one',
      cause,
    });
  }
}
