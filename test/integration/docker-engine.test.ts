import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import Dockerode from 'dockerode';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DialStdioAgent } from '../../src/docker/client/dial-stdio.ts';
import { connectDocker, type DockerEngine } from '../../src/docker/client/engine.ts';
import { openRestoreContainer } from '../../src/docker/containers/restore-container.ts';
import { OWN } from './parts/own.ts';

const IMAGE = 'node:24-bookworm-slim';
const { PATH, HOME } = process.env;
const signal = new AbortController().signal;
let dir: string;
let cleanUp: (() => void)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'odo-test-'));
});

afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
  rmSync(dir, { recursive: true });
});

/** Puts the engine's socket behind a port of this host. */
async function listen(server: Server, socketPath: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on(server.listeners('secureConnection').length ? 'secureConnection' : 'connection', (client: Socket) => {
    // half-closed either way, as the engine itself does it
    const upstream = connect({ path: socketPath, allowHalfOpen: true });
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}));
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function socketPathOfEngine(): Promise<string> {
  const { host } = await connectDocker(process.env, signal);
  expect(host).toMatch(/^unix:/);
  return host.slice('unix://'.length);
}

/** What every way to the engine has to do: carry a conversation, its end included, and the command line with it. */
async function expectToWork(engine: DockerEngine): Promise<void> {
  const program =
    `process.stdin.on('data', (d) => process.stdout.write(d)).on('end', () => { console.log('<eof>'); ` +
    'process.exitCode = 9 })';
  const name = `odo-test-${OWN}-${Date.now()}`;
  const options = { image: IMAGE, entrypoint: ['node', '-e'], cmd: [program], mounts: [], network: 'none', name };
  const container = await openRestoreContainer(engine, options, signal);
  const lines: string[] = [];
  const reading = (async () => {
    for await (const line of container.lines) lines.push(line);
  })();
  await container.send('hello');
  await container.end();
  await reading;
  expect(lines).toEqual(['hello', '<eof>']);
  expect(await container.exited).toBe(9);
  // not the synchronous one: the way there may lead through a server of this very process
  const info = await promisify(execFile)('docker', ['info', '--format', '{{.ID}}'], { env: engine.env });
  expect(info.stdout.trim()).toBe((await engine.docker.info()).ID);
}

describe('connectDocker', () => {
  it('finds the engine of the environment', async () => {
    const engine = await connectDocker(process.env, signal);
    expect(engine.version).toMatch(/^\d+\.\d+/);
    expect(engine.apiVersion).toMatch(/^1\.\d+$/);
    await expectToWork(engine);
  });

  it('finds the engine of a context, not of the process', async () => {
    const socketPath = await socketPathOfEngine();
    const env = { PATH, HOME, DOCKER_CONFIG: dir };
    execFileSync('docker', ['context', 'create', 'odo-test', '--docker', `host=unix://${socketPath}`], {
      env,
      stdio: 'pipe',
    });
    const engine = await connectDocker({ ...env, DOCKER_CONTEXT: 'odo-test' }, signal);
    expect(engine.host).toBe(`unix://${socketPath}`);
    expect(engine.env.DOCKER_CONTEXT).toBe('odo-test');
    await expect(connectDocker({ ...env, DOCKER_CONTEXT: 'odo-test-none' }, signal)).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: expect.stringMatching(/odo-test-none/),
    });
  });

  it('does not let DOCKER_HOST of the process mix in', async () => {
    const socketPath = await socketPathOfEngine();
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1';
    try {
      await expectToWork(await connectDocker({ PATH, HOME, DOCKER_HOST: `unix://${socketPath}` }, signal));
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
    }
  });

  it('speaks over TCP', async () => {
    const port = await listen(createServer({ allowHalfOpen: true }), await socketPathOfEngine());
    const engine = await connectDocker({ PATH, HOME, DOCKER_HOST: `tcp://127.0.0.1:${port}` }, signal);
    expect(engine.host).toBe(`tcp://127.0.0.1:${port}`);
    await expectToWork(engine);
  });

  it('speaks over TLS, with a certificate, to a server that it knows', async () => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
    const days = ['-days', '2', '-noenc', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    openssl('req', '-x509', ...days, '-subj', '/CN=odo-test-ca', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
    writeFileSync(join(dir, 'extensions'), 'subjectAltName=IP:127.0.0.1\n');
    const signing = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'extensions',
    ];
    for (const [key, cert, name] of [
      ['server-key.pem', 'server.pem', 'server'],
      ['key.pem', 'cert.pem', 'client'],
    ] as const) {
      openssl('req', ...days.slice(2), '-subj', `/CN=${name}`, '-keyout', key, '-out', 'request.pem');
      openssl('x509', '-req', '-in', 'request.pem', '-out', cert, ...signing);
    }
    const read = (name: string) => readFileSync(join(dir, name));
    const tls = {
      key: read('server-key.pem'),
      cert: read('server.pem'),
      ca: read('ca.pem'),
      requestCert: true,
      allowHalfOpen: true,
    };
    const server = createTlsServer({ ...tls, rejectUnauthorized: true }, () => {});
    const port = await listen(server, await socketPathOfEngine());
    const env = { PATH, HOME, DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir };
    await expectToWork(await connectDocker(env, signal));

    rmSync(join(dir, 'ca.pem'));
    await expect(connectDocker(env, signal)).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: expect.stringMatching(/certificate/),
    });
  });

  it.each([
    ['unix:///odo-test/no.sock', /ENOENT/],
    ['tcp://127.0.0.1:1', /ECONNREFUSED/],
    ['ftp://x', /an address like/],
  ])('says why %s does not answer', async (DOCKER_HOST, reason) => {
    await expect(connectDocker({ PATH, HOME, DOCKER_HOST }, signal)).rejects.toMatchObject({
      name: 'OdoError',
      code: 'dockerUnreachable',
      message: expect.stringMatching(reason),
      hint: expect.stringMatching(/docker version/),
    });
  });

  it('is not taken in by another server', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => server.close());
    const DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(connectDocker({ PATH, HOME, DOCKER_HOST }, signal)).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: expect.stringMatching(/not a Docker engine/),
    });
  });

  it('can be aborted while nothing answers', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => server.close());
    const DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const soon = AbortSignal.timeout(300);
    await expect(connectDocker({ PATH, HOME, DOCKER_HOST }, soon)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('DialStdioAgent', () => {
  it('carries a conversation through the docker command line', async () => {
    const engine = await connectDocker(process.env, signal);
    const options = { host: 'docker', protocol: 'http' as const, agent: new DialStdioAgent(engine.env) };
    await expectToWork({ ...engine, docker: new Dockerode(options) });
  });

  it('says why it cannot connect', async () => {
    const options = {
      host: 'docker',
      protocol: 'http' as const,
      agent: new DialStdioAgent({ PATH, HOME, DOCKER_HOST: 'unix:///odo-test/no.sock' }),
    };
    await expect(new Dockerode(options).version()).rejects.toThrow(/no\.sock/);
  });
});
