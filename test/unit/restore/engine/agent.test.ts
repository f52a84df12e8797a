import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { splitLines } from '../../../../src/docker/client/lines.ts';
import type { RestoreContainer } from '../../../../src/docker/containers/restore-container.ts';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent, Report } from '../../../../src/events.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { FedWal, FinishOptions, FollowJob } from '../../../../src/restore/contract/jobs.ts';
import type { LayDownJob } from '../../../../src/restore/contract/lay-down-job.ts';
import type { ClusterPlaces } from '../../../../src/restore/contract/places.ts';
import { serveAgent } from '../../../../src/restore/engine/agent.ts';
import { BUILD } from '../../../../src/restore/engine/build.ts';
import { HOST_GONE } from '../../../../src/restore/engine/host-gone.ts';
import { openRemoteEngine } from '../../../../src/restore/engine/remote-engine.ts';

const TARGET: ClusterPlaces = {
  pgdata: { root: '/data', odoDir: '/.odo' },
  tablespaces: [{ oid: 7, place: { root: '/ts', odoDir: '/ts/.odo' } }],
};
const KEYS = { accessKeyId: 'key', secretAccessKey: 'secret' };
const JOB = { places: TARGET, store: { url: 's3://bucket', credentials: KEYS } } as unknown as LayDownJob;

/** What an image of this build says first. */
const HELLO = `${JSON.stringify({ hello: { version: '1.0', build: BUILD } })}\n`;

const FOLLOW_JOB = { store: { url: '/repository' } } as unknown as FollowJob;

/** An engine of whose methods a test replaces those that it is about. */
function engineWith(methods: Partial<Engine>): Engine {
  const unexpected = async () => {
    throw new Error('not expected here');
  };
  return {
    probe: unexpected,
    reach: unexpected,
    status: unexpected,
    layDown: unexpected,
    feed: unexpected,
    follow: unexpected,
    tryWriting: unexpected,
    swap: unexpected,
    takeBack: unexpected,
    rollback: unexpected,
    noteRollbackTold: unexpected,
    noteKept: unexpected,
    renewKeys: () => undefined,
    recheckPages: unexpected,
    recoveryState: unexpected,
    raiseSettings: unexpected,
    archivingConfigured: unexpected,
    surveyOld: unexpected,
    takeSalvage: unexpected,
    staged: unexpected,
    amend: unexpected,
    clean: unexpected,
    finish: unexpected,
    discard: unexpected,
    close: async () => undefined,
    ...methods,
  };
}

/** A lay-down that goes on until it is cancelled. */
const untilCancelled: Engine['layDown'] = (_job, _report, signal) =>
  new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail);
  });

/** A container in memory: its program is the agent over that engine. */
function agentContainer(engine: Engine, version = '1.0'): RestoreContainer & { ended: boolean } {
  const input = new PassThrough();
  const output = new PassThrough();
  const exited = serveAgent(engine, input, output, version).then(() => {
    output.end();
    return 0;
  });
  return containerOf(input, output, exited);
}

/** A container of another program: it says what it is told to. */
function scriptedContainer(stderr = ''): {
  container: RestoreContainer & { ended: boolean };
  say(text: string): void;
  die(exitCode: number): void;
} {
  const output = new PassThrough();
  const exited = Promise.withResolvers<number>();
  return {
    container: { ...containerOf(new PassThrough(), output, exited.promise), stderrTail: () => stderr },
    say: (text) => void output.write(text),
    die(exitCode) {
      output.end();
      exited.resolve(exitCode);
    },
  };
}

function containerOf(
  input: PassThrough,
  output: PassThrough,
  exited: Promise<number>,
): RestoreContainer & { ended: boolean } {
  return {
    id: 'c1',
    ended: false,
    lines: splitLines(output),
    send: async (text) => void input.write(`${text}\n`),
    stderrTail: () => '',
    exited,
    async end() {
      this.ended = true;
      input.end();
    },
  };
}

const remote = (engine: Partial<Engine>) => openRemoteEngine(agentContainer(engineWith(engine)), 'odo:1.0', '1.0');

it('carries every request to the engine and its answer back', async () => {
  const calls: unknown[] = [];
  const answering =
    (name: string, result?: unknown) =>
    async (...args: unknown[]) => {
      calls.push([name, ...args]);
      return result as never;
    };
  const engine = await remote({
    probe: answering('probe', { pgdata: { exists: true }, tablespaces: [] }),
    status: answering('status', { state: 'none' }),
    layDown: async (job) => answering('layDown', { readBytes: 1 })(job),
    swap: answering('swap'),
    takeBack: answering('takeBack', true),
    rollback: answering('rollback', { rolledBack: false }),
    noteRollbackTold: answering('noteRollbackTold'),
    noteKept: answering('noteKept'),
    clean: answering('clean', { freedBytes: 7 }),
    finish: answering('finish', { leftSettings: [] }),
    discard: answering('discard'),
  });
  const finish: FinishOptions = { places: TARGET, keepPrevious: true, settings: 'leave' };
  expect(await engine.probe(TARGET, { measure: true })).toEqual({ pgdata: { exists: true }, tablespaces: [] });
  expect(await engine.status(TARGET)).toEqual({ state: 'none' });
  expect(await engine.layDown(JOB, () => undefined, new AbortController().signal)).toEqual({ readBytes: 1 });
  expect(await engine.swap(TARGET)).toBeUndefined();
  expect(await engine.takeBack(TARGET)).toBe(true);
  expect(await engine.rollback(TARGET)).toEqual({ rolledBack: false });
  expect(await engine.noteRollbackTold(TARGET)).toBeUndefined();
  expect(await engine.clean(TARGET, { acceptLoss: true })).toEqual({ freedBytes: 7 });
  expect(await engine.finish(finish)).toEqual({ leftSettings: [] });
  await engine.discard(TARGET);
  await engine.close();
  expect(calls).toEqual([
    ['probe', TARGET, { measure: true }],
    ['status', TARGET],
    ['layDown', JOB],
    ['swap', TARGET],
    ['takeBack', TARGET],
    ['rollback', TARGET],
    ['noteRollbackTold', TARGET],
    ['clean', TARGET, { acceptLoss: true }],
    ['finish', finish],
    ['discard', TARGET],
  ]);
});

it('carries any text, also characters that some take for the end of a line', async () => {
  let arrived: unknown;
  const engine = await remote({
    layDown: async (job) => {
      arrived = job.configuration.replacementConf;
      return { echo: job.configuration.replacementConf } as never;
    },
  });
  const replacementConf = '# one\u2028two\u2029three\r\nfour\u0085five é 🐘\n';
  expect(
    await engine.layDown({ ...JOB, configuration: { replacementConf } }, () => undefined, new AbortController().signal),
  ).toEqual({
    echo: replacementConf,
  });
  expect(arrived).toBe(replacementConf);
});

it('passes events on while the work is done, all of them before its result', async () => {
  let late: Report = () => undefined;
  const engine = await remote({
    layDown: async (_job, report) => {
      late = report;
      for (let segments = 0; segments < 100; segments++) report({ type: 'progress', phase: 'wal', segments });
      return {} as never;
    },
    swap: async () => late({ type: 'note', level: 'info', message: 'nobody asked' }),
  });
  const events: OdoEvent[] = [];
  await engine.layDown(JOB, (event) => events.push(event), new AbortController().signal);
  expect(events).toHaveLength(100);
  expect(events.at(-1)).toEqual({ type: 'progress', phase: 'wal', segments: 99 });
  await engine.swap(TARGET);
  expect(events).toHaveLength(100);
});

it('carries an error across with its code, message and hint, and goes on working', async () => {
  const engine = await remote({
    swap: async () => {
      throw new OdoError('noSpace', 'no space left\nat all', { hint: 'free some', cause: new Error('ENOSPC') });
    },
    rollback: async () => ({ rolledBack: true, isKept: false, inPlace: 'before' }),
  });
  const error = await engine.swap(TARGET).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OdoError);
  expect(error).toMatchObject({ code: 'noSpace', message: 'no space left\nat all', hint: 'free some' });
  expect(await engine.rollback(TARGET)).toMatchObject({ rolledBack: true });
});

it('carries the stack of a bug across, which would otherwise be lost', async () => {
  const engine = await remote({
    swap: async function whereItHappened() {
      throw new TypeError('x is not a function');
    },
  });
  await expect(engine.swap(TARGET)).rejects.toMatchObject({
    code: 'bug',
    hint: expect.stringContaining('whereItHappened'),
  });
});

it('cancels the work in the container, and can be used to tidy up afterwards', async () => {
  const controller = new AbortController();
  const engine = await remote({ layDown: untilCancelled, discard: async () => undefined });
  const work = engine.layDown(JOB, () => undefined, controller.signal);
  await nextTurn();
  controller.abort();
  await expect(work).rejects.toMatchObject({ code: 'cancelled' });
  await engine.discard(TARGET);
});

it('does not begin what is cancelled already', async () => {
  const layDown = vi.fn<Engine['layDown']>();
  const engine = await remote({ layDown });
  await expect(engine.layDown(JOB, () => undefined, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  expect(layDown).not.toHaveBeenCalled();
});

it('takes other keys while work is under way, and gives them to the engine at once', async () => {
  const renewed: unknown[] = [];
  const going = Promise.withResolvers<void>();
  const engine = await remote({
    async layDown() {
      await going.promise;
      return {} as never;
    },
    renewKeys: (credentials) => {
      renewed.push(credentials);
      going.resolve();
    },
  });
  const work = engine.layDown(JOB, () => undefined, new AbortController().signal);
  engine.renewKeys({ ...KEYS, accessKeyId: 'later' });
  await work;
  expect(renewed).toEqual([{ ...KEYS, accessKeyId: 'later' }]);
});

it('hears a cancellation that comes in one breath with the request', async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const served = serveAgent(engineWith({ layDown: untilCancelled }), input, output, '1.0');
  input.write(`${JSON.stringify({ id: 1, do: 'layDown', args: [JOB] })}\n${JSON.stringify({ do: 'cancel' })}\n`);
  const answers: unknown[] = [];
  for await (const line of splitLines(output)) {
    answers.push(JSON.parse(line));
    if (answers.length === 2) break;
  }
  input.end();
  await served;
  expect(answers).toEqual([
    { hello: { version: '1.0', build: BUILD } },
    { id: 1, error: expect.objectContaining({ code: 'cancelled' }) },
  ]);
});

it('carries requests out one after the other', async () => {
  const steps: string[] = [];
  const slow = (name: string) => async () => {
    steps.push(`${name} begins`);
    await nextTurn();
    steps.push(`${name} ends`);
  };
  const engine = await remote({ swap: slow('swap'), discard: slow('discard') });
  await Promise.all([engine.swap(TARGET), engine.discard(TARGET)]);
  expect(steps).toEqual(['swap begins', 'swap ends', 'discard begins', 'discard ends']);
});

it('stops its work when the host is gone, does not begin what is queued, and ends', async () => {
  const swap = vi.fn<Engine['swap']>();
  const input = new PassThrough();
  const output = new PassThrough().resume();
  let reason: unknown;
  const layDown: Engine['layDown'] = (job, report, signal) => {
    signal.addEventListener('abort', () => (reason = signal.reason));
    return untilCancelled(job, report, signal);
  };
  const served = serveAgent(engineWith({ layDown, swap }), input, output, '1.0');
  input.write(
    `${JSON.stringify({ id: 1, do: 'layDown', args: [JOB] })}\n` +
      `${JSON.stringify({ id: 2, do: 'swap', args: [TARGET] })}\n`,
  );
  await nextTurn();
  input.end();
  await served;
  expect(reason).toMatchObject({ code: 'cancelled', message: expect.stringContaining('gone') });
  expect(swap).not.toHaveBeenCalled();
});

it.each([
  [{}, false],
  [{ forAnother: true }, true],
])('ends with all that goes on beside, by close(%j)', async (options, isLeft) => {
  const reasons: unknown[] = [];
  const closed: unknown[] = [];
  const feed: Engine['feed'] = (_job, _report, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(reasons.push(signal.reason)));
    });
  const engine = await remote({ feed, close: async (how) => void closed.push(how) });
  const fed = engine.feed(JOB, () => undefined, new AbortController().signal).catch(() => undefined);
  await nextTurn();
  await engine.close(options);
  await vi.waitFor(() => expect(closed).toEqual([{ forAnother: isLeft }]));
  expect(reasons.map((reason) => reason === HOST_GONE)).toEqual([isLeft]);
  await fed;
});

it('refuses an image of another version, and ends its container', async () => {
  const container = agentContainer(engineWith({}), '0.9');
  await expect(openRemoteEngine(container, 'odo:old', '1.0')).rejects.toMatchObject({
    code: 'versionMismatch',
    message: expect.stringMatching(/odo:old holds ODO 0\.9.*1\.0/),
  });
  expect(container.ended).toBe(true);
});

it.each([
  ['an older image, which does not tell its build', '{"hello":{"version":"1.0"}}', 'an older one'],
  ['an image of another build', '{"hello":{"version":"1.0","build":"0123456789ab"}}', '0123456789ab'],
])('refuses %s of the same version, and ends its container', async (_name, hello, named) => {
  const { container, say } = scriptedContainer();
  const opened = openRemoteEngine(container, 'odo:1.0', '1.0');
  say(`${hello}\n`);
  await expect(opened).rejects.toMatchObject({
    code: 'versionMismatch',
    message: `the image odo:1.0 holds another build of ODO 1.0 (${named}) than this command (${BUILD})`,
    hint: expect.stringContaining('docker build -t odo:1.0'),
  });
  expect(container.ended).toBe(true);
});

it.each(['Usage: agent [options]', '42', 'null', '"hello"'])(
  'refuses an image of something else, which says %s, and ends its container',
  async (line) => {
    const { container, say } = scriptedContainer();
    const opened = openRemoteEngine(container, 'postgres:17', '1.0');
    say(`${line}\n`);
    await expect(opened).rejects.toMatchObject({
      code: 'versionMismatch',
      message: expect.stringContaining('postgres:17'),
    });
    expect(container.ended).toBe(true);
  },
);

it('tells the status and the last words of a container that ends before it has said anything', async () => {
  const { container, die } = scriptedContainer('exec format error\n');
  const opened = openRemoteEngine(container, 'odo:arm', '1.0');
  die(1);
  await expect(opened).rejects.toMatchObject({
    message: expect.stringContaining('status 1'),
    hint: 'exec format error',
  });
});

it('ends every request, also later ones, when the container dies in the middle of its work', async () => {
  const { container, say, die } = scriptedContainer('Killed');
  const opened = openRemoteEngine(container, 'odo:1.0', '1.0');
  say(HELLO);
  const engine = await opened;
  const calls = [engine.layDown(JOB, () => undefined, new AbortController().signal), engine.probe(TARGET)];
  die(137);
  for (const call of calls)
    await expect(call).rejects.toMatchObject({ message: expect.stringContaining('status 137'), hint: 'Killed' });
  await expect(engine.discard(TARGET)).rejects.toMatchObject({ message: expect.stringContaining('status 137') });
});

it('survives a container that dies while a request is on its way to it', async () => {
  const { container, say, die } = scriptedContainer();
  const sending = Promise.withResolvers<void>();
  const opened = openRemoteEngine({ ...container, send: () => sending.promise }, 'odo:1.0', '1.0');
  say(HELLO);
  const call = (await opened).swap(TARGET);
  die(137);
  // Long enough for Node to call a rejection unhandled.
  await nextTurn();
  await nextTurn();
  sending.resolve();
  await expect(call).rejects.toMatchObject({ message: expect.stringContaining('status 137') });
});

it('tells a lost engine from a container that ended', async () => {
  const output = new PassThrough();
  const container = containerOf(new PassThrough(), output, new Promise(() => undefined));
  const opened = openRemoteEngine(container, 'odo:1.0', '1.0');
  output.write(HELLO);
  const call = (await opened).swap(TARGET);
  output.destroy(new OdoError('dockerUnreachable', 'the connection was lost'));
  await expect(call).rejects.toMatchObject({ code: 'dockerUnreachable' });
});

it('carries a round of following, also when no standby is there any more, and ends it on request', async () => {
  const rounds = [{ segments: 2, readBytes: 7, isFull: false }, undefined];
  const engine = await remote({ follow: async () => rounds.shift() });
  const { signal } = new AbortController();
  expect(await engine.follow(FOLLOW_JOB, () => undefined, signal)).toEqual({
    segments: 2,
    readBytes: 7,
    isFull: false,
  });
  expect(await engine.follow(FOLLOW_JOB, () => undefined, signal)).toBeUndefined();

  const resting = await remote({
    follow: (_job, report, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        report({ type: 'note', level: 'info', message: 'at rest' });
      }),
  });
  const told = new AbortController();
  const round = resting.follow(FOLLOW_JOB, () => told.abort(), told.signal);
  await expect(round).rejects.toMatchObject({ code: 'cancelled' });
});

describe('feeding', () => {
  const FED = { walSegments: 3 } as FedWal;

  it('goes on beside the other requests, and tells its own progress', async () => {
    const finished = Promise.withResolvers<void>();
    const steps: string[] = [];
    const engine = await remote({
      async feed(_job, report) {
        steps.push('fed');
        report({ type: 'progress', phase: 'recover', segments: 1 });
        await finished.promise;
        return FED;
      },
      swap: async () => void steps.push('swapped'),
      finish: async () => {
        finished.resolve();
        return { leftSettings: [] };
      },
    });
    const events: OdoEvent[] = [];
    const fed = engine.feed(JOB, (event) => events.push(event), new AbortController().signal);
    await engine.swap(TARGET);
    await engine.finish({ places: TARGET, keepPrevious: false, settings: 'remove' });
    expect(await fed).toEqual(FED);
    expect(steps).toEqual(['fed', 'swapped']);
    expect(events).toEqual([{ type: 'progress', phase: 'recover', segments: 1 }]);
  });

  it('is not ended by the cancellation of another request', async () => {
    const going = Promise.withResolvers<FedWal>();
    const controller = new AbortController();
    const engine = await remote({
      feed: (_job, _report, signal) => {
        signal.addEventListener('abort', () => going.reject(signal.reason));
        return going.promise;
      },
      layDown: untilCancelled,
    });
    const fed = engine.feed(JOB, () => undefined, new AbortController().signal);
    const work = engine.layDown(JOB, () => undefined, controller.signal);
    await nextTurn();
    controller.abort();
    await expect(work).rejects.toMatchObject({ code: 'cancelled' });
    going.resolve(FED);
    expect(await fed).toEqual(FED);
  });

  it('ends with the host, and its failure is told as it is', async () => {
    const input = new PassThrough();
    const output = new PassThrough().resume();
    let reason: unknown;
    const engine = engineWith({
      feed: (_job, _report, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            resolve(FED);
          });
        }),
    });
    const served = serveAgent(engine, input, output, '1.0');
    input.write(`${JSON.stringify({ id: 1, do: 'feed', args: [JOB] })}\n`);
    await nextTurn();
    input.end();
    await served;
    expect(reason).toMatchObject({ code: 'cancelled', message: expect.stringContaining('gone') });

    const failing = await remote({ feed: async () => Promise.reject(new OdoError('dataCorrupt', 'a bit is another')) });
    await expect(failing.feed(JOB, () => undefined, new AbortController().signal)).rejects.toMatchObject({
      code: 'dataCorrupt',
    });
  });
});
