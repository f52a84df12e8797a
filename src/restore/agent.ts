import type { Readable, Writable } from 'node:stream';
import { splitLines } from '../docker/lines.ts';
import { asOdoError, cancelled, type OdoError } from '../errors.ts';
import type { AgentMessage, AgentRequest } from './agent-protocol.ts';
import { BUILD } from './build.ts';
import type { Engine } from './engine.ts';
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
    const isBeside = request.do === 'feed';
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
    else if (request.do === 'feed') beside.push(answer(request));
    else queue = queue.then(() => answer(request));
  }
  hostGone.abort(isDone ? cancelled() : HOST_GONE);
  await Promise.all([queue, ...beside]);
  await engine.close({ forAnother: !isDone });
}

type Answered = Extract<AgentRequest, { id: number }>;

function carryOut(
  request: Answered,
  engine: Engine,
  report: Parameters<Engine['layDown']>[1],
  signal: AbortSignal,
): Promise<unknown> {
  switch (request.do) {
    case 'probe':
      return engine.probe(request.target, request.options);
    case 'reach':
      return engine.reach(request.job, signal);
    case 'tryWriting':
      return engine.tryWriting(request.target, request.owner);
    case 'status':
      return engine.status(request.target);
    case 'staged':
      return engine.staged(request.target);
    case 'amend':
      return engine.amend(request.target, request.amendments, request.owner);
    case 'clean':
      return engine.clean(request.target, request.options);
    case 'layDown':
      return engine.layDown(request.job, report, signal);
    case 'feed':
      return engine.feed(request.job, report, signal);
    case 'takeSalvage':
      return engine.takeSalvage(request.job, report, signal);
    case 'follow':
      return engine.follow(request.job, report, signal);
    case 'recheckPages':
      return engine.recheckPages(request.target, request.suspects);
    case 'recoveryState':
      return engine.recoveryState(request.target, request.options);
    case 'raiseSettings':
      return engine.raiseSettings(request.target, request.facts);
    case 'archivingConfigured':
      return engine.archivingConfigured(request.target, request.facts);
    case 'surveyOld':
      return engine.surveyOld(request.target, request.question);
    case 'swap':
      return engine.swap(request.target);
    case 'takeBack':
      return engine.takeBack(request.target);
    case 'rollback':
      return engine.rollback(request.target);
    case 'noteRollbackTold':
      return engine.noteRollbackTold(request.target);
    case 'discard':
      return engine.discard(request.target);
    case 'finish':
      return engine.finish(request.options);
  }
}

/** A bug's stack would be lost on the way to the host, so its first lines go along. */
function withCause(error: OdoError) {
  const report = error.report();
  if (error.code === 'bug' && error.cause instanceof Error && error.cause.stack) {
    report.hint = `${report.hint ?? ''}\n${error.cause.stack}`.trim();
  }
  return report;
}
