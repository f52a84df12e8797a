import type { Readable, Writable } from 'node:stream';
import { splitLines } from '../../docker/client/lines.ts';
import { asOdoError, cancelled, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';
import type { AgentMessage, AgentRequest } from './agent-protocol.ts';
import { BUILD } from './build.ts';
import { ENGINE_METHODS } from './engine-methods.ts';
import { HOST_GONE } from './host-gone.ts';

/** Serves an engine to a host over a pair of streams; resolves when the input ends. See agent-protocol.ts. */
export async function serveAgent(engine: Engine, input: Readable, output: Writable, version: string): Promise<void> {
  const send = (message: AgentMessage) => void output.write(`${JSON.stringify(message)}\n`);
  const hostGone = new AbortController();
  let isDone = false;
  let current: AbortController | undefined;
  let queue: Promise<void> = Promise.resolve();
  const beside: Promise<void>[] = [];

  async function answer(request: Answered): Promise<void> {
    if (hostGone.signal.aborted) return;
    const isBeside = ENGINE_METHODS[request.do] === 'beside';
    const cancelling = new AbortController();
    if (!isBeside) current = cancelling;
    const signal = AbortSignal.any([cancelling.signal, hostGone.signal]);
    try {
      const result = await carryOut(request, engine, (event) => send({ of: request.id, event }), signal);
      send({ id: request.id, result: result ?? null });
    } catch (error) {
      send({ id: request.id, error: withCause(asOdoError(error, signal)) });
    } finally {
      if (!isBeside) current = undefined;
    }
  }

  send({ hello: { version, build: BUILD } });
  // Not by readline: that also ends lines at characters which JSON may hold as they are.
  for await (const line of splitLines(input)) {
    if (line.trim() === '') continue;
    const request = JSON.parse(line) as AgentRequest;
    if (request.do === 'cancel') current?.abort(cancelled());
    else if (request.do === 'end') isDone = true;
    else if (request.do === 'renew') engine.renewKeys(request.credentials);
    else if (ENGINE_METHODS[request.do] === 'beside') beside.push(answer(request));
    else queue = queue.then(() => answer(request));
  }
  hostGone.abort(isDone ? cancelled() : HOST_GONE);
  await Promise.all([queue, ...beside]);
  await engine.close({ forAnother: !isDone });
}

type Answered = Extract<AgentRequest, { id: number }>;

function carryOut({ do: name, args }: Answered, engine: Engine, report: Report, signal: AbortSignal): Promise<unknown> {
  const way = ENGINE_METHODS[name];
  if (way === undefined) throw new OdoError('bug', `there is no method ${name} of the engine`);
  // An argument that was left out is null on the way.
  const given = args.map((arg) => arg ?? undefined);
  const method = engine[name] as (...args: readonly unknown[]) => Promise<unknown>;
  return way === 'ask' ? method(...given) : method(...given, report, signal);
}

/** A bug's stack would be lost on the way to the host, so its first lines go along. */
function withCause(error: OdoError) {
  const report = error.report();
  if (error.code === 'bug' && error.cause instanceof Error && error.cause.stack) {
    report.hint = `${report.hint ?? ''}\n${error.cause.stack}`.trim();
  }
  return report;
}
