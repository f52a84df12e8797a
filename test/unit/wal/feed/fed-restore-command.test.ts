import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Place, restoreCommandFile, spoolDir } from '../../../../src/tree/places/place.ts';
import { fedRestoreCommandSetting } from '../../../../src/wal/feed/restore-command.ts';
import { FED_RESTORE_COMMAND_SCRIPT, SILENCE_MS } from '../../../../src/wal/feed/spool-protocol.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { binFolder, expand, SHELLS } from '../../parts/shells.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const SEGMENT = '000000010000000000000002';
const HISTORY = '00000002.history';
const MISSING_PROGRAMS = ['mv', 'sleep'];

describe.each(SHELLS)('with %s as the shell', { timeout: 60_000 }, (shell) => {
  let place: Place;
  let bin: string;
  let running: ChildProcess[];

  beforeEach(() => {
    bin = binFolder(shell);
    running = [];
    place = laidOut(scratchDirectory(), '18/docker', '.odo');
  });

  afterEach(() => {
    for (const child of running)
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, 'SIGKILL');
  });

  function laidOut(volume: string, root: string, odoDir: string): Place {
    const made = { root: path.join(volume, root), odoDir: path.join(volume, odoDir) };
    plantTree(path.join(made.root, 'pg_wal'), {});
    for (const folder of ['kept', 'absent', 'wanted']) plantTree(path.join(spoolDir(made), folder), {});
    plantTree(spoolDir(made), { feeding: '1' });
    fs.writeFileSync(restoreCommandFile(made), FED_RESTORE_COMMAND_SCRIPT);
    return made;
  }

  /** In a process group of its own, as a server starts it. */
  function start(file: string, uid?: number): ChildProcess {
    const command = expand(fedRestoreCommandSetting(place), { f: file, p: 'pg_wal/RECOVERYXLOG' });
    const as = uid === undefined ? {} : { uid, gid: uid };
    const child = spawn('sh', ['-c', command], { cwd: place.root, env: { PATH: bin }, detached: true, ...as });
    running.push(child);
    return child;
  }

  async function run(file = SEGMENT, uid?: number): Promise<{ status: number | null; stderr: string }> {
    const child = start(file, uid);
    const [[status], stderr] = await Promise.all([once(child, 'close'), text(child.stderr as NodeJS.ReadableStream)]);
    return { status: status as number | null, stderr };
  }

  const inSpool = (...names: string[]) => path.join(spoolDir(place), ...names);
  const restored = () => fs.readFileSync(path.join(place.root, 'pg_wal/RECOVERYXLOG'), 'utf8');
  const asked = (file: string) =>
    vi.waitFor(() => expect(fs.existsSync(inSpool('wanted', file))).toBe(true), { timeout: 10_000, interval: 10 });

  it.each([
    ['the root of the volume', '.', '.odo'],
    ['below the root', '18/docker', '.odo'],
    ['beside a folder that nobody would name so', 'data', 'it\'s 100% $HOME `x`"/.odo'],
  ])('moves a segment that is there, when PGDATA is %s', async (_where, root, odoDir) => {
    place = laidOut(scratchDirectory(), root, odoDir);
    fs.writeFileSync(inSpool(SEGMENT), 'wal');
    // Also where the feeder is gone: what lies there is whole.
    fs.rmSync(inSpool('feeding'));
    expect(await run()).toEqual({ status: 0, stderr: '' });
    expect(restored()).toBe('wal');
    expect(fs.existsSync(inSpool(SEGMENT))).toBe(false);
  });

  it('gives what is kept any number of times', async () => {
    for (const file of [SEGMENT, HISTORY]) fs.writeFileSync(inSpool('kept', file), file);
    for (const file of [SEGMENT, HISTORY, SEGMENT]) {
      expect(await run(file)).toEqual({ status: 0, stderr: '' });
      expect(restored()).toBe(file);
    }
  });

  it('ends recovery at what is known to be absent, and at histories beyond those there are', async () => {
    fs.writeFileSync(inSpool('absent', SEGMENT), '');
    fs.writeFileSync(inSpool('histories'), '');
    expect(await run()).toEqual({ status: 1, stderr: '' });
    expect(await run(HISTORY)).toEqual({ status: 1, stderr: '' });
  });

  it.each(['a segment that comes', 'one that is kept', 'the end of the archive', 'a failure'])(
    'asks for what is not there, and waits for its answer: %s',
    async (what) => {
      const answered = run();
      await asked(SEGMENT);
      if (what === 'a segment that comes') {
        fs.writeFileSync(inSpool('part'), 'wal');
        fs.renameSync(inSpool('part'), inSpool(SEGMENT));
      } else if (what === 'one that is kept') fs.writeFileSync(inSpool('kept', SEGMENT), 'wal');
      else if (what === 'the end of the archive') fs.writeFileSync(inSpool('absent', SEGMENT), '');
      else fs.writeFileSync(inSpool('feeding'), 'failed\n');
      const { status, stderr } = await answered;
      expect(status).toBe({ 'the end of the archive': 1, 'a failure': 254 }[what] ?? 0);
      if (what === 'a failure') expect(stderr).toContain(`${SEGMENT} cannot be had`);
    },
  );

  it('tells the server to stop when the feeder is silent for long, and not while it lives', async () => {
    // Time passes as it naps, and the feeder lives for more than twice as long as it may be silent.
    const naps = inSpool('naps');
    const nap = path.join(place.odoDir, 'nap');
    const lives =
      `read n <'${naps}'; n=$((n + 1)); echo $n >'${naps}'; [ $n -gt 400 ] || echo ` + `$n >'${inSpool('feeding')}'`;
    fs.writeFileSync(nap, `#!/bin/sh\n${lives}\n`, { mode: 0o755 });
    fs.writeFileSync(naps, '0\n');
    fs.writeFileSync(restoreCommandFile(place), FED_RESTORE_COMMAND_SCRIPT.replace('sleep "$nap"', `'${nap}'`));
    expect(await run()).toMatchObject({ status: 254, stderr: expect.stringContaining(`nobody fetches ${SEGMENT}`) });
    const silentMs = (Number(fs.readFileSync(naps, 'utf8')) - 400) * 200;
    expect(silentMs).toBeGreaterThanOrEqual(SILENCE_MS - 200);
    expect(silentMs).toBeLessThanOrEqual(SILENCE_MS + 200);
  });

  it('asks for histories as long as it is not known which there are', async () => {
    const answered = run(HISTORY);
    await asked(HISTORY);
    fs.writeFileSync(inSpool('histories'), '');
    expect((await answered).status).toBe(1);
  });

  it('waits by whole seconds where sleep knows no fractions', async () => {
    const sleep = path.join(bin, 'sleep');
    const real = fs.realpathSync(sleep);
    fs.rmSync(sleep);
    const program = path.basename(real) === 'busybox' ? `${real} sleep` : real;
    fs.writeFileSync(
      sleep,
      `#!/bin/sh\ncase $1 in *.*) echo 'invalid number' >&2; exit 1 ;; esac\nexec ${program} 0.01\n`,
      {
        mode: 0o755,
      },
    );
    const answered = run();
    await asked(SEGMENT);
    fs.writeFileSync(inSpool(SEGMENT), 'wal');
    expect(await answered).toEqual({ status: 0, stderr: '' });
  });

  it('leaves no process behind when the server ends it', async () => {
    const child = start(SEGMENT);
    await asked(SEGMENT);
    // As a server's postmaster does: to the whole group.
    process.kill(-(child.pid as number), 'SIGTERM');
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM']);
    // What has ended stays visible until it is reaped.
    const look = () => process.kill(-(child.pid as number), 0);
    await vi.waitFor(() => expect(look).toThrow('ESRCH'), { timeout: 10_000, interval: 10 });
  });

  // PostgreSQL takes a status of 1 to 125 for the end of the archive, and goes on without what was committed after.
  it.each<[string, () => void, number?]>([
    ['the segment cannot be written', () => fs.rmSync(path.join(place.root, 'pg_wal'), { recursive: true })],
    ['a kept one cannot be written', keepAndBar],
    ['its script is gone', () => [inSpool(SEGMENT), restoreCommandFile(place)].map((file) => fs.rmSync(file))],
    ['everything of ODO is gone', () => fs.rmSync(place.odoDir, { recursive: true })],
    ['its script belongs to another user', barScript, 65534],
    ['the spool belongs to another user', () => fs.chmodSync(spoolDir(place), 0o700), 65534],
    ['the segment cannot be moved away', () => undefined, 65534],
    [
      'it cannot be asked for',
      () => [inSpool(SEGMENT), inSpool('wanted')].map((file) => fs.rmSync(file, { recursive: true })),
    ],
    // busybox is its own programs.
    ...(shell === 'busybox'
      ? []
      : MISSING_PROGRAMS.map((name): [string, () => void] => [`there is no ${name}`, () => bar(name)])),
  ])('never lets a fault look like the end of the archive: %s', async (_what, damage, uid) => {
    fs.writeFileSync(inSpool(SEGMENT), 'wal');
    for (const folder of [path.dirname(path.dirname(place.root)), path.dirname(place.root), place.root, place.odoDir])
      fs.chmodSync(folder, 0o755);
    damage();
    expect((await run(SEGMENT, uid)).status).toBeGreaterThan(125);
  });

  function bar(program: string): void {
    if (program === 'sleep') fs.rmSync(inSpool(SEGMENT));
    fs.rmSync(path.join(bin, program));
  }

  function keepAndBar(): void {
    fs.renameSync(inSpool(SEGMENT), inSpool('kept', SEGMENT));
    fs.rmSync(path.join(place.root, 'pg_wal'), { recursive: true });
  }

  function barScript(): void {
    fs.rmSync(inSpool(SEGMENT));
    fs.chmodSync(restoreCommandFile(place), 0o600);
  }
});
