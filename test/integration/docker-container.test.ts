import { randomBytes } from 'node:crypto';
import type Dockerode from 'dockerode';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  containerState,
  execIn,
  logsSince,
  removeContainer,
  startContainer,
  stopContainer,
} from '../../src/docker/client/container.ts';
import { connectDocker, type DockerEngine } from '../../src/docker/client/engine.ts';
import { inspectImage, postgresMajor, userInImage } from '../../src/docker/containers/image.ts';

const IMAGE = 'node:24-bookworm-slim';
const signal = new AbortController().signal;
let engine: DockerEngine;
let made: string[] = [];

beforeAll(async () => {
  engine = await connectDocker(process.env, signal);
});

afterEach(async () => {
  for (const id of made) await removeContainer(engine, id);
  made = [];
});

async function start(script: string, options: Partial<Dockerode.ContainerCreateOptions> = {}): Promise<string> {
  const container = await engine.docker.createContainer({
    name: `odo-test-${randomBytes(6).toString('hex')}`,
    Image: IMAGE,
    Entrypoint: ['/bin/sh', '-c'],
    Cmd: [script],
    ...options,
    HostConfig: { NetworkMode: 'none', ...options.HostConfig },
  });
  made.push(container.id);
  await container.start();
  return container.id;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('did not happen in time');
}

function run(
  id: string,
  argv: string[],
  options: { user?: string; env?: Record<string, string>; timeoutMs?: number } = {},
) {
  return execIn(engine, id, argv, { timeoutMs: 60_000, signal, ...options });
}

describe('stopContainer and startContainer', () => {
  it('stop with the signal that the container wants, once and again', async () => {
    const script = 'trap "echo interrupted; exit 3" INT; trap "exit 4" TERM; while :; do sleep 0.1; done';
    const id = await start(script, { StopSignal: 'SIGINT', HostConfig: { RestartPolicy: { Name: 'always' } } });
    const first = await containerState(engine, id);
    expect(first).toMatchObject({ running: true, restarting: false, restartCount: 0, oomKilled: false });
    expect(Date.now() - Number(first.startedAt)).toBeLessThan(60_000);
    await until(async () => (await run(id, ['true'])).exitCode === 0);
    await stopContainer(engine, id, 20);
    expect(await containerState(engine, id)).toMatchObject({ running: false, restarting: false, exitCode: 3 });
    await stopContainer(engine, id, 20);
    expect(await logsSince(engine, id, 0, 10)).toBe('interrupted\n');
    await startContainer(engine, id);
    await startContainer(engine, id);
    const second = await containerState(engine, id);
    expect(second.running).toBe(true);
    expect(Number(second.startedAt)).toBeGreaterThan(Number(first.startedAt));
  });

  it('kill what does not stop', async () => {
    const id = await start('trap "" TERM; while :; do sleep 0.1; done');
    await stopContainer(engine, id, 1);
    expect(await containerState(engine, id)).toMatchObject({ running: false, exitCode: 137 });
  });

  it('say that there is no such container', async () => {
    for (const action of [
      () => stopContainer(engine, 'odo-test-none', 1),
      () => startContainer(engine, 'odo-test-none'),
      () => containerState(engine, 'odo-test-none'),
      () => logsSince(engine, 'odo-test-none', 0, 1),
      () => run('odo-test-none', ['true']),
    ]) {
      await expect(action()).rejects.toMatchObject({
        code: 'serviceNotFound',
        message: expect.stringMatching(/odo-test-none/),
      });
    }
    await removeContainer(engine, 'odo-test-none');
  });
});

describe('containerState', () => {
  it('tells a container that was never started', async () => {
    const { id } = await engine.docker.createContainer({
      Image: IMAGE,
      name: `odo-test-${randomBytes(6).toString('hex')}`,
    });
    made.push(id);
    const state = await containerState(engine, id);
    expect(state).toEqual({ running: false, restarting: false, exitCode: 0, restartCount: 0, oomKilled: false });
  });

  it('tells one that is restarted over and over', async () => {
    const id = await start('exit 5', { HostConfig: { RestartPolicy: { Name: 'always' } } });
    await until(async () => (await containerState(engine, id)).restartCount >= 2);
    await until(async () => {
      const { restarting, running, exitCode } = await containerState(engine, id);
      return restarting && !running && exitCode === 5;
    });
  });

  it('tells its health', async () => {
    const second = 1_000_000_000;
    const Healthcheck = { Test: ['CMD', 'true'], Interval: second, Timeout: 5 * second, Retries: 1 };
    const id = await start('sleep 60', { Healthcheck });
    await until(async () => (await containerState(engine, id)).health === 'healthy');
  });
});

describe('execIn', () => {
  it('keeps stdout and stderr apart and gives the exit code', async () => {
    const id = await start('sleep 60');
    const script = 'echo "ä $A $(id -u)"; echo oops >&2; exit 7';
    const result = await run(id, ['sh', '-c', script], { user: '1000', env: { A: 'x=y z' } });
    expect(result).toEqual({ exitCode: 7, stdout: 'ä x=y z 1000\n', stderr: 'oops\n' });
  });

  it('takes large output whole', async () => {
    const id = await start('sleep 60');
    const { stdout } = await run(id, ['node', '-e', 'process.stdout.write("€".repeat(1_000_000))']);
    expect(stdout === '€'.repeat(1_000_000)).toBe(true);
  });

  it('gives up in time, and when aborted', async () => {
    const id = await start('sleep 60');
    await expect(run(id, ['sleep', '30'], { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: expect.stringMatching(/run sleep .* no answer within 0\.5 s/),
    });
    const aborted = execIn(engine, id, ['sleep', '30'], { timeoutMs: 60_000, signal: AbortSignal.timeout(500) });
    await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('says what it cannot run', async () => {
    const id = await start('sleep 60');
    expect((await run(id, ['/no/such/program'])).exitCode).toBeGreaterThan(125);
    await stopContainer(engine, id, 0);
    await expect(run(id, ['true'])).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: expect.stringMatching(/not running/),
    });
  });
});

describe('logsSince', () => {
  it('gives the last lines since a time', async () => {
    const id = await start('echo a; echo b >&2; echo c; sleep 60');
    // The two streams come in no certain order.
    await until(async () => (await logsSince(engine, id, 0, 100)).split('\n').sort().join('') === 'abc');
    expect(await logsSince(engine, id, 0, 2)).toMatch(/^[abc]\n[abc]\n$/);
    expect(await logsSince(engine, id, Date.now() / 1000 + 5, 10)).toBe('');
  });

  it('reads a container with a terminal, and a log that is JSON', async () => {
    const id = await start('echo "{\\"a\\":1}"; sleep 60', { Tty: true });
    await until(async () => (await logsSince(engine, id, 0, 10)) !== '');
    expect((await logsSince(engine, id, 0, 10)).trim()).toBe('{"a":1}');
  });
});

describe('images', () => {
  it('are described', async () => {
    const image = await inspectImage(engine, 'postgres:15');
    expect(image).toMatchObject({
      id: expect.stringMatching(/^sha256:/),
      volumes: ['/var/lib/postgresql/data'],
      cmd: ['postgres'],
    });
    expect(image?.env.PGDATA).toBe('/var/lib/postgresql/data');
    expect(image?.entrypoint.length).toBe(1);
    expect(await inspectImage(engine, 'odo-test/none:1')).toBeUndefined();
  });

  it('tell their PostgreSQL version', async () => {
    expect(await postgresMajor(engine, 'postgres:15', { PG_MAJOR: '15' }, signal)).toBe(15);
    expect(await postgresMajor(engine, 'postgres:15', {}, signal)).toBe(15);
    expect(await postgresMajor(engine, IMAGE, {}, signal)).toBeUndefined();
    await expect(postgresMajor(engine, 'odo-test/none:1', {}, signal)).rejects.toMatchObject({
      code: 'versionMismatch',
    });
  });

  it('tell who postgres is', async () => {
    const id = await start('sleep 60', { Image: 'postgres:15' });
    const ids = (await run(id, ['sh', '-c', 'id -u postgres; id -g postgres'])).stdout.trim().split('\n').map(Number);
    expect(await userInImage(engine, 'postgres:15', 'postgres')).toEqual({ uid: ids[0], gid: ids[1] });
    expect(await userInImage(engine, 'odo-test/none:1', 'postgres', id)).toEqual({ uid: ids[0], gid: ids[1] });
    expect(await userInImage(engine, IMAGE, 'postgres')).toBeUndefined();
    await expect(userInImage(engine, 'odo-test/none:1', 'postgres')).rejects.toMatchObject({ code: 'versionMismatch' });
  });

  it('leave no probe behind', async () => {
    // Somebody else's may be at work at this moment; ours would stay.
    const probes = () => engine.docker.listContainers({ all: true, filters: { label: ['odo.role=probe'] } });
    await until(async () => (await probes()).length === 0);
  });
});
