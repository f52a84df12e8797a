import type { RestoreContainer } from '../../docker/containers/restore-container.ts';
import { cancelled, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { StoreConfig } from '../../store/kinds/open.ts';
import type { StoreKeys } from '../../store/objects/store-keys.ts';
import type { Engine } from '../contract/engine.ts';
import type { AgentMessage, AgentRequest } from './agent-protocol.ts';
import { BUILD } from './build.ts';
import { ENGINE_METHODS, type EngineMethod, type Way } from './engine-methods.ts';
import { imageHint } from './image-file.ts';
import { supplyKeys } from './renew-keys.ts';

type Hello = Extract<AgentMessage, { hello: object }>['hello'];
/** A job that needs the store, and so its keys. */
interface Job {
  store: StoreConfig;
}

interface Waiting {
  report: Report;
  resolve(result: unknown): void;
  reject(error: OdoError): void;
}

/**
 * The engine that works inside a restore container. Opening it waits for the container's first line.
 * Errors: `versionMismatch` for a container of another version or build, since the two sides would not understand each
 * other.
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

  async function call(
    name: EngineMethod,
    args: readonly unknown[],
    report: Report = () => undefined,
  ): Promise<unknown> {
    if (over) throw over;
    const id = ++lastId;
    const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject, report }));
    // The container may end while the request is still on its way, when nobody listens to the answer yet.
    answer.catch(() => undefined);
    const request: AgentRequest = { id, do: name, args };
    await container.send(JSON.stringify(request));
    // A result that is undefined is null on the way.
    return (await answer) ?? undefined;
  }

  /** Sends a request that no answer is waited for. A container that is gone is noticed elsewhere. */
  const tellAgent = (request: AgentRequest) => void container.send(JSON.stringify(request)).catch(() => undefined);
  const renewKeys = (credentials: StoreKeys) => tellAgent({ do: 'renew', credentials });
  const keys = supplyKeys(renewKeys);
  const work = (name: EngineMethod, job: Job, tell: Report, signal: AbortSignal) =>
    keys.during(job.store, tell, signal, (store) => call(name, [{ ...job, store }], tell));

  /** Does work that an abort of the signal ends, in the container and here. */
  async function workUntil(name: EngineMethod, job: Job, tell: Report, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) throw cancelled(signal.reason);
    const cancel = () => tellAgent({ do: 'cancel' });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await work(name, job, tell, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Does work that ends with the container. An abort of the signal only ends the wait for it. */
  async function workBeside(name: EngineMethod, job: Job, tell: Report, signal: AbortSignal): Promise<unknown> {
    const dropped = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(cancelled(signal.reason)), { once: true });
    });
    return Promise.race([work(name, job, tell, signal), dropped]);
  }

  const methodOf = (name: EngineMethod, way: Way) => {
    if (way === 'ask') return (...args: readonly unknown[]) => call(name, args);
    const doing = way === 'work' ? workUntil : workBeside;
    return (job: Job, tell: Report, signal: AbortSignal) => doing(name, job, tell, signal);
  };

  const theirs = await greeted.promise.catch(async (error: unknown) => {
    await container.end().catch(() => undefined);
    throw error;
  });
  if (theirs.version !== version || theirs.build !== BUILD) {
    await container.end();
    throw otherBuild(image, theirs, { version, build: BUILD });
  }
  const ways = Object.entries(ENGINE_METHODS) as [EngineMethod, Way][];
  const methods = Object.fromEntries(ways.map(([name, way]) => [name, methodOf(name, way)]));
  return {
    ...(methods as unknown as Pick<Engine, EngineMethod>),
    renewKeys,
    async close({ forAnother = false } = {}) {
      if (!forAnother) tellAgent({ do: 'end' });
      await container.end();
    },
  };
}

/** The error for an image of another build. The first images did not tell their build. */
function otherBuild(image: string, theirs: Hello, ours: Hello): OdoError {
  const { version, build } = ours;
  const message =
    theirs.version === version
      ? `the image ${image} holds another build of ODO ${version} (${theirs.build ?? 'an older one'}) than ` +
        `this command (${build})`
      : `the image ${image} holds ODO ${theirs.version}, and this is ODO ${version}`;
  return new OdoError('versionMismatch', message, {
    hint: `command and image must come from one build: ${imageHint(image)}`,
  });
}

/**
 * The error for a container that has ended early. By status 128 + 9 or 128 + 15 somebody killed it: a person, the
 * kernel for want of memory, or an engine that shuts down.
 */
function endedEarly(image: string, exitCode: number, itsWords: string): OdoError {
  const wasKilled = exitCode === 137 || exitCode === 143;
  const end = wasKilled ? 'was killed' : 'ended';
  return new OdoError(
    wasKilled ? 'dockerUnreachable' : 'bug',
    `the restore container (${image}) ${end} with status ${exitCode} in the middle of its work`,
    {
      hint:
        itsWords || 'did somebody stop it, or the kernel for want of memory (see dmesg)? run the same command again',
    },
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
