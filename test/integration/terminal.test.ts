import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDocker } from '../../src/docker/client/engine.ts';
import type { Progress } from '../../src/events.ts';
import { createTerminalScreen } from '../unit/parts/terminal-screen.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { ODO, odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { until } from './parts/run.ts';
import { S3_KEYS } from './parts/s3.ts';

const IN_THE_BACKUP = /GET .*data\.tar/;
const COLUMNS = 70;

/** Terminals and pipes that ask, show, and go away. */
describe('a restore on a terminal', () => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;
  let scratch: string;
  let env: NodeJS.ProcessEnv;
  let folders = 0;
  let bytesPerSecond: number;

  beforeAll(async () => {
    repository = await readyRepository();
    proxy = await startFaultProxy();
    proxy.fault(IN_THE_BACKUP, { do: 'slow', bytesPerSecond: () => bytesPerSecond });
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-terminal-'));
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    await project.sql("create table old as select 'as before' as what");
  });

  beforeEach(() => {
    bytesPerSecond = 1_000_000;
    // The log goes to a folder of each test's own.
    const temporary = path.join(scratch, String(++folders));
    fs.mkdirSync(temporary);
    env = { ...process.env, ...S3_KEYS, S3_ENDPOINT: proxy.endpoint, TMPDIR: temporary, TERM: 'xterm' };
  });

  afterAll(async () => {
    await proxy?.close();
    await project?.down();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  const url = () => `s3://${repository.bucket}/backups/shop`;
  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const service = () => ['-u', url(), ...names(), '--allow-different-cluster'];
  const into = () => ['-u', url(), '--into', path.join(env.TMPDIR ?? '', 'pgdata')];

  /** Runs it on a terminal of its own, which is gone when `hangUp` is called. */
  function onTerminal(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
    const command = ['stty', 'cols', `${COLUMNS}`, 'rows', '24;', 'exec', process.execPath, ODO, ...args].join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...env, ...more },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString('utf8');
    });
    child.stdin.on('error', () => undefined);
    return {
      shown: () => shown,
      shows: (text: string) => until(`the terminal shows "${text}"`, async () => shown.includes(text)),
      type: (text: string) => void child.stdin.write(text),
      hangUp: () => void child.kill('SIGKILL'),
      ended: once(child, 'close').then(([code]) => code as number | null),
    };
  }

  function logFile(): string | undefined {
    const name = fs.readdirSync(env.TMPDIR ?? '').find((one) => one.endsWith('.log'));
    return name && path.join(env.TMPDIR ?? '', name);
  }

  const log = () => fs.readFileSync(logFile() ?? '', 'utf8');
  const logHas = (text: string) =>
    until(`the log has "${text}"`, async () => logFile() !== undefined && log().includes(text));

  it.each([
    ['n', 'n\r'],
    ['nothing', '\r'],
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('asks first; the answer %s ends it with nothing touched', async (_name, keys) => {
    const before = await project.identity('db');
    const terminal = onTerminal(service());
    await terminal.shows('Go on? [y/N]');
    expect(terminal.shown()).toContain('stop service db');
    terminal.type(keys);
    expect(await terminal.ended, terminal.shown()).toBe(130);
    expect(terminal.shown()).toContain('cancelled');
    expect(await project.identity('db')).toBe(before);
    expect(await project.inVolume('ls -d /v/.odo 2>/dev/null || echo none')).toBe('none');
  });

  it('draws what can be recovered, as wide as it is, and nowhere else', async () => {
    const terminal = onTerminal(['list', '-u', url()]);
    expect(await terminal.ended, terminal.shown()).toBe(0);
    const lines = terminal.shown().split(/\r?\n/);
    const bar = lines.find((line) => /^ +timeline 1 .*━/.test(line)) ?? '';
    expect(bar, terminal.shown()).toMatch(/^ {2}timeline 1 {2}[●━─╳ ]+$/);
    expect(bar).toContain('●');
    expect(bar.length).toBeLessThanOrEqual(COLUMNS);
    const piped = await odo(['list', '-u', url()]);
    expect(piped.stdout).toContain('can be recovered');
    expect(piped.stdout).not.toMatch(/[●━]/);
  });

  it('does not ask, nor begin, when the terminal goes away before the answer', async () => {
    const before = await project.identity('db');
    const terminal = onTerminal(service());
    await terminal.shows('Go on? [y/N]');
    terminal.hangUp();
    await logHas('cancelled before anything was touched');
    expect(await project.identity('db')).toBe(before);
  });

  it('goes on to its end when the terminal goes away, and logs the rest to the file that it has named', async () => {
    const terminal = onTerminal(service());
    await terminal.shows('Go on? [y/N]');
    terminal.type('y\r');
    await terminal.shows('laying the backup down');
    const readLine = /laying the backup down[^\r\n]*[\r\n]+ {2}read [^\r\n]*B of [^\r\n]*B[^\r\n]*\[K/;
    let shownSoFar = '';
    await until('the terminal shows what is read', async () => {
      shownSoFar = terminal.shown();
      return readLine.test(shownSoFar);
    });
    terminal.hangUp();
    await logHas('restored and promoted');

    expect(terminal.shown()).toContain(`if this terminal is lost, the restore goes on and logs to ${logFile()}`);
    expect(log()).toContain('the terminal is gone; the work goes on');
    expect(log()).toMatch(/promoting|recovering/);
    expect(log()).toMatch(/ {2}downtime {2,}[\d.]+ /);
    expect(fs.statSync(logFile() ?? '').mode & 0o777).toBe(0o600);
    expect(await project.sql(THINGS_DIGEST)).toBe(repository.atTheEnd);

    const screen = createTerminalScreen({ columns: COLUMNS, rows: 24, reflows: true });
    screen.write(shownSoFar);
    const live = screen.lines().slice(screen.lines().findIndex((text) => text.startsWith('…')));
    // Written over in place: however often it was drawn, it is there once, with all that was printed above it, and
    // perhaps other phases beside it.
    const at = live.findIndex((text) => text.startsWith('… laying the backup down  '));
    expect(live[at + 1], live.join('\n')).toMatch(/^ {2}read .*B of .*B/);
    expect(live.filter((text) => text.startsWith('… laying'))).toHaveLength(1);
    for (const text of live) expect(text).toMatch(/^(… | {2})/);
    for (const text of live) expect(text.length, text).toBeLessThan(COLUMNS);
    expect(screen.lines().some((text) => text.startsWith('✓ stopping the service ('))).toBe(true);
  });

  it.each([
    ['rollback', () => ['rollback', ...names()], 'nothing to roll back'],
    ['promotion', () => ['promote', ...names()], 'no restore has left service db waiting'],
    ['clean-up', () => ['clean', ...names()], 'nothing to clean'],
    ['stopping', () => ['temporary', 'stop', 'odo-test-nobody'], 'there is no temporary server odo-test-nobody'],
  ])('the %s goes on when the terminal goes away, and logs to the file that it has named', async (name, args, end) => {
    // The engine answers only when the terminal is gone.
    const gate = await openGate(path.join(env.TMPDIR ?? '', 'docker.sock'));
    try {
      const terminal = onTerminal(args(), { DOCKER_HOST: gate.host });
      await terminal.shows(`if this terminal is lost, the ${name} goes on and logs to`);
      terminal.hangUp();
      await logHas('the terminal is gone; the work goes on');
      expect(terminal.shown()).toContain(logFile());
      gate.open();
      await logHas(end);
      expect(terminal.shown()).not.toContain(end);
    } finally {
      await gate.close();
    }
  });

  it('goes on when nobody reads standard error any more, nor standard output', async () => {
    const child = spawn(process.execPath, [ODO, ...into()], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child.stderr, 'data');
    child.stderr.destroy();
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(log()).toContain('standard error is gone');
    expect(log()).toContain('exchanging old and new data');
    expect(log()).toMatch(/^restored$/m);
  });

  it('keeps to the files that it writes to when the terminal goes away', async () => {
    const [stdout, stderr] = ['stdout', 'stderr'].map((name) => path.join(env.TMPDIR ?? '', name)) as [string, string];
    bytesPerSecond = 30_000;
    const child = spawn(process.execPath, [ODO, ...into(), '--json'], {
      env,
      stdio: ['ignore', fs.openSync(stdout, 'w'), fs.openSync(stderr, 'w')],
    });
    await until('it is at work', async () => fs.readFileSync(stderr, 'utf8').includes('"lay-down"'));
    child.kill('SIGHUP');
    const closed = once(child, 'close');
    await until('it tells how fast it is', async () =>
      fs.readFileSync(stderr, 'utf8').includes('"readBytesPerSecond"'),
    );
    bytesPerSecond = 10_000_000;
    const [code] = await closed;
    expect(code).toBe(0);
    expect(JSON.parse(fs.readFileSync(stdout, 'utf8'))).toMatchObject({ kind: 'receipt' });
    const events = fs
      .readFileSync(stderr, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.some(({ phase }) => phase === 'swap')).toBe(true);
    expectSensible(events.filter(({ type, phase }) => type === 'progress' && phase === 'lay-down'));
    expect(logFile()).toBeUndefined();
  });
});

/** A socket that leads to the engine, through which nothing passes before it is opened. */
async function openGate(socket: string) {
  const { host } = await connectDocker(process.env, new AbortController().signal);
  const opened = Promise.withResolvers<void>();
  const connections = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, async (near) => {
    connections.add(near.on('error', () => undefined));
    await opened.promise;
    const far = net.connect({ path: host.replace(/^unix:\/\//, ''), allowHalfOpen: true });
    connections.add(far.on('error', () => near.destroy()));
    near.pipe(far).pipe(near);
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    host: `unix://${socket}`,
    open: opened.resolve,
    async close() {
      opened.resolve();
      for (const connection of connections) connection.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Of a download that took long enough to tell how fast it is. */
function expectSensible(events: Progress[]): void {
  const read = events.map(({ readBytes = 0 }) => readBytes);
  const totalBytes = events[0]?.totalBytes ?? 0;
  expect(read).toEqual([...read].sort((one, other) => one - other));
  expect(totalBytes).toBeGreaterThan(0);
  expect(read.at(-1)).toBeLessThanOrEqual(totalBytes);
  const rates = events.flatMap(({ readBytesPerSecond, writtenBytesPerSecond }) =>
    [readBytesPerSecond, writtenBytesPerSecond].filter((rate) => rate !== undefined),
  );
  expect(rates.length).toBeGreaterThan(0);
  for (const { current, mean } of rates) {
    expect(mean).toBeGreaterThan(0);
    expect(current).toBeGreaterThanOrEqual(0);
  }
  for (const { etaMs = 0 } of events) expect(etaMs).toBeGreaterThanOrEqual(0);
}
