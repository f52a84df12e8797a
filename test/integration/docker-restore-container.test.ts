import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectDocker, type DockerEngine } from '../../src/docker/client/engine.ts';
import { volumeExists } from '../../src/docker/compose/volume.ts';
import type { RestoreContainerOptions } from '../../src/docker/containers/create-container.ts';
import { openRestoreContainer } from '../../src/docker/containers/restore-container.ts';

const IMAGE = 'node:24-bookworm-slim';
const HOLD_CONTAINER = fileURLToPath(new URL('../fixtures/docker/hold-container.ts', import.meta.url));
const signal = new AbortController().signal;
let engine: DockerEngine;
let volumes: string[] = [];

beforeAll(async () => {
  engine = await connectDocker(process.env, signal);
});

afterEach(async () => {
  for (const volume of volumes) await engine.docker.getVolume(volume).remove();
  volumes = [];
});

function uniqueName(): string {
  return `odo-test-${randomBytes(6).toString('hex')}`;
}

async function makeVolume(): Promise<string> {
  const name = uniqueName();
  await engine.docker.createVolume({ Name: name });
  volumes.push(name);
  return name;
}

function running(program: string, options: Partial<RestoreContainerOptions> = {}): RestoreContainerOptions {
  return {
    image: IMAGE,
    entrypoint: ['node', '-e'],
    cmd: [program],
    mounts: [],
    network: 'none',
    name: uniqueName(),
    ...options,
  };
}

async function isThere(name: string): Promise<boolean> {
  const list = await engine.docker.listContainers({ all: true, filters: { name: [name] } });
  return list.length > 0;
}

async function run(program: string, options: Partial<RestoreContainerOptions> = {}) {
  const container = await openRestoreContainer(engine, running(program, options), signal);
  const lines: string[] = [];
  for await (const line of container.lines) lines.push(line);
  const exitCode = await container.exited;
  await container.end();
  return { lines, exitCode, stderr: container.stderrTail() };
}

describe('openRestoreContainer', () => {
  it('gives output, exit code and the end of stderr, and leaves nothing', async () => {
    const options = running(
      'console.log("ä€😀"); console.error("why"); process.stdout.write("last"); process.exitCode = 13',
    );
    const container = await openRestoreContainer(engine, options, signal);
    const lines = [];
    for await (const line of container.lines) lines.push(line);
    expect(lines).toEqual(['ä€😀', 'last']);
    expect(await container.exited).toBe(13);
    expect(container.stderrTail()).toBe('why\n');
    expect(await isThere(options.name)).toBe(false);
    await container.end();
    await container.end();
  });

  it('hands every line in order to a slow reader', async () => {
    const program = `
      const { once } = require('node:events');
      (async () => {
        for (let n = 0; n < 100000; n++) {
          if (n % 1000 === 0) process.stderr.write('€'.repeat(100) + n + '\\n');
          if (!process.stdout.write(n + ' äöü ' + 'x'.repeat(n % 97) + '\\n')) await once(process.stdout, 'drain');
        }
        process.exitCode = 7;
      })();`;
    const container = await openRestoreContainer(engine, running(program), signal);
    let count = 0;
    for await (const line of container.lines) {
      if (line !== `${count} äöü ${'x'.repeat(count % 97)}`) expect.fail(`line ${count} is ${line}`);
      if (count % 20000 === 0) await new Promise((resolve) => setTimeout(resolve, 300));
      count++;
    }
    expect(count).toBe(100_000);
    expect(await container.exited).toBe(7);
    expect(container.stderrTail()).toMatch(/€99000\n$/);
    await container.end();
  });

  it('makes the container wait while nobody reads', async () => {
    const volume = await makeVolume();
    const program = `
      const fs = require('node:fs');
      const { once } = require('node:events');
      (async () => {
        for (let n = 0; n < 400; n++) {
          if (!process.stdout.write('x'.repeat(100000) + '\\n')) await once(process.stdout, 'drain');
          fs.writeFileSync('/data/written', String(n + 1));
        }
      })();`;
    const mounts: RestoreContainerOptions['mounts'] = [{ type: 'volume', source: volume, destination: '/data' }];
    const container = await openRestoreContainer(engine, running(program, { mounts }), signal);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const read = `console.log(require('node:fs').readFileSync('/data/written', 'utf8'))`;
    expect(Number((await run(read, { mounts })).lines[0])).toBeLessThan(200);
    let count = 0;
    for await (const line of container.lines) if (line.length === 100_000) count++;
    expect(count).toBe(400);
    await container.end();
  });

  it('sends lines, and nothing else, to stdin', async () => {
    const program = `process.stdin.on('data', (d) => process.stdout.write(d)).on('end', () => console.log('<eof>'))`;
    for (let round = 0; round < 10; round++) {
      const container = await openRestoreContainer(engine, running(program), signal);
      const big = 'y'.repeat(3_000_000);
      const lines: string[] = [];
      const reading = (async () => {
        for await (const line of container.lines) lines.push(line);
      })();
      await container.send('{"secret":"ä"}');
      await container.send(big);
      await expect(container.send('two\nlines')).rejects.toMatchObject({ code: 'bug' });
      await container.end();
      await reading;
      expect(lines.length).toBe(3);
      expect(lines[0]).toBe('{"secret":"ä"}');
      expect(lines[1] === big).toBe(true);
      expect(lines[2]).toBe('<eof>');
      expect(await container.exited).toBe(0);
      await expect(container.send('late')).rejects.toMatchObject({ code: 'dockerUnreachable' });
    }
  });

  it('kills a program that does not end with its stdin', async () => {
    const options = running('process.on("SIGTERM", () => {}); setInterval(() => console.log("x".repeat(1000)), 1)');
    const container = await openRestoreContainer(engine, options, signal);
    const started = Date.now();
    await container.end(500);
    expect(Date.now() - started).toBeLessThan(8000);
    expect(await isThere(options.name)).toBe(false);
    expect(await container.exited).toBe(137);
  });

  it('comes to an end also when the reader leaves early', async () => {
    const options = running(
      'setInterval(() => console.log("x".repeat(10000)), 0); process.stdin.on("end", () => process.exit(5)).resume()',
    );
    const container = await openRestoreContainer(engine, options, signal);
    for await (const line of container.lines) if (line) break;
    await container.end();
    expect(await container.exited).toBe(5);
    expect(await isThere(options.name)).toBe(false);
  });

  it('kills and removes when aborted', async () => {
    const abort = new AbortController();
    const options = running('setInterval(() => {}, 1000); console.log("up")');
    const container = await openRestoreContainer(engine, options, abort.signal);
    const reading = (async () => {
      for await (const line of container.lines) if (line === 'up') abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    await container.end();
    expect(await isThere(options.name)).toBe(false);
    expect(await container.exited).toBe(137);
  });

  it.each([0, 5, 50, 150, 300, 450])('leaves nothing when aborted %i ms into opening', async (delayMs) => {
    const abort = new AbortController();
    const options = running('setInterval(() => {}, 1000)');
    const opening = openRestoreContainer(engine, options, abort.signal);
    setTimeout(() => abort.abort(), delayMs);
    const [result] = await Promise.allSettled([opening]);
    if (result?.status === 'fulfilled') await result.value.end();
    else expect(result?.reason).toMatchObject({ code: 'cancelled' });
    expect(await isThere(options.name)).toBe(false);
  });

  it('ends its container when this process is killed', async () => {
    const volume = await makeVolume();
    const name = uniqueName();
    const program = `
      console.log('up');
      process.stdin.resume().on('end', () => {
        require('node:fs').writeFileSync('/data/end', 'eof');
        process.exit(42);
      });`;
    const holder = spawn(process.execPath, [HOLD_CONTAINER, name, IMAGE, volume, program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = (await once(holder.stdout, 'data')) as [Buffer];
    expect(output.toString()).toBe('up\n');
    const gone = engine.docker.getContainer(name).wait({ condition: 'removed' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const killed = Date.now();
    holder.kill('SIGKILL');
    expect(await gone).toMatchObject({ StatusCode: 42 });
    expect(Date.now() - killed).toBeLessThan(20_000);
    expect(await isThere(name)).toBe(false);
    const mounts: RestoreContainerOptions['mounts'] = [
      { type: 'volume', source: volume, destination: '/data', readOnly: true },
    ];
    const check =
      `const fs = require('node:fs'); console.log(fs.readFileSync('/data/end', 'utf8')); ` +
      `fs.writeFileSync('/data/x', '')`;
    const { lines, exitCode, stderr } = await run(check, { mounts });
    expect(lines).toEqual(['eof']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/EROFS/);
  });

  it('copies nothing of the image into a volume, and keeps volumes mounted by name', async () => {
    const volume = await makeVolume();
    const { lines } = await run('console.log(require("node:fs").readdirSync("/usr/local").length)', {
      entrypoint: ['/bin/sh', '-c'],
      cmd: ['ls /opt | wc -l; ls -A /etc | wc -l'],
      mounts: [{ type: 'volume', source: volume, destination: '/etc' }],
    });
    expect(lines[1]).toBe('3'); // the engine's own hosts, hostname and resolv.conf
    expect(await volumeExists(engine, volume)).toBe(true);
    // an anonymous volume of somebody else, mounted by its name
    const owner = await engine.docker.createContainer({
      Image: IMAGE,
      name: uniqueName(),
      Volumes: { '/anonymous': {} },
    });
    const anonymous = (await owner.inspect()).Mounts[0]?.Name ?? '';
    await run('0', { mounts: [{ type: 'volume', source: anonymous, destination: '/data' }] });
    expect(await volumeExists(engine, anonymous)).toBe(true);
    await owner.remove({ v: true });
    expect(await volumeExists(engine, anonymous)).toBe(false);
  });

  it('carries its own label, and its environment, and no compose label', async () => {
    const options = running('process.stdin.resume(); console.log(process.env.A)', {
      env: { A: 'x=y' },
      labels: { 'odo.service': 'pg' },
    });
    const container = await openRestoreContainer(engine, options, signal);
    for await (const line of container.lines) {
      expect(line).toBe('x=y');
      break;
    }
    const { Config } = await engine.docker.getContainer(container.id).inspect();
    expect(Config.Labels).toMatchObject({ 'odo.role': 'restore', 'odo.service': 'pg' });
    expect(Object.keys(Config.Labels).filter((label) => label.startsWith('com.docker.compose'))).toEqual([]);
    await container.end();
  });

  it.each([
    [
      'an image that is not there',
      { image: 'odo-test/no-such-image:1' },
      'versionMismatch',
      /^image odo-test\/no-such-image:1 is not there$/,
    ],
    ['a program that is not there', { entrypoint: ['/no/such/program'] }, 'versionMismatch', /no such file/],
    [
      'a network that is not there',
      { network: 'odo-test-no-such-network' },
      'serviceNotFound',
      /odo-test-no-such-network/,
    ],
    [
      'a folder that is not there',
      { mounts: [{ type: 'bind', source: '/odo-test/nowhere', destination: '/x' }] },
      'serviceNotFound',
      /\/odo-test\/nowhere/,
    ],
  ] as const)('fails over %s, leaving nothing', async (_what, override, code, message) => {
    const options = running('0', override as Partial<RestoreContainerOptions>);
    const error = await openRestoreContainer(engine, options, signal).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'OdoError', code, message: expect.stringMatching(message) });
    expect(await isThere(options.name)).toBe(false);
  });

  it('refuses a name that is taken, and leaves its owner alone', async () => {
    const options = running('process.stdin.resume()');
    const first = await openRestoreContainer(engine, options, signal);
    await expect(openRestoreContainer(engine, options, signal)).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(await isThere(options.name)).toBe(true);
    await first.end();
    expect(await isThere(options.name)).toBe(false);
  });
});
