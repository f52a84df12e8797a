import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { serverOn } from '../../../../src/tree/exchange/server-on.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

/** A data directory whose postmaster.pid begins with that line. */
function dataDirectory(firstLine: string): string {
  const directory = scratchDirectory();
  fs.writeFileSync(path.join(directory, 'postmaster.pid'), `${firstLine}\n/data\n1700000000\n5432\n`);
  return directory;
}

/** A process that does nothing, under the name of a program. */
function pretend(name: string, cwd?: string): number {
  const program = path.join(scratchDirectory(), name);
  fs.copyFileSync('/bin/sleep', program);
  fs.chmodSync(program, 0o755);
  const child = spawn(program, ['60'], { stdio: 'ignore', ...(cwd === undefined ? {} : { cwd }) });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid as number;
}

function deadPid(): number {
  const candidates = Array.from({ length: 1000 }, (_, index) => 4_000_000 + index);
  return candidates.find((pid) => !fs.existsSync(`/proc/${pid}`)) as number;
}

describe('on a host', () => {
  beforeEach(() => {
    vi.stubEnv('ODO_IN_CONTAINER', '');
    const { existsSync } = fs;
    const spy = vi
      .spyOn(fs, 'existsSync')
      .mockImplementation((file) => !String(file).endsWith('env') && existsSync(file));
    return () => {
      spy.mockRestore();
      vi.unstubAllEnvs();
    };
  });

  it('finds none without a postmaster.pid', () => {
    expect(serverOn(scratchDirectory())).toBeUndefined();
  });

  it('finds a server whose process runs', async () => {
    const pid = pretend('postgres');
    await vi.waitFor(() => expect(fs.readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('postgres\n'));
    expect(serverOn(dataDirectory(String(pid)))).toContain(`process ${pid}`);
  });

  it('finds the server of a container, whose process ids mean nothing here, by its working directory', async () => {
    const directory = dataDirectory(String(deadPid()));
    pretend('something-else', directory);
    const pid = pretend('postgres', directory);
    await vi.waitFor(() => expect(serverOn(directory)).toContain(`process ${pid} works in it`));
    expect(serverOn(dataDirectory(String(deadPid())))).toBeUndefined();
  });

  it('takes a file that a crash left for what it is: its process is gone, or now another program', () => {
    expect(serverOn(dataDirectory(String(deadPid())))).toBeUndefined();
    expect(serverOn(dataDirectory(String(process.pid)))).toBeUndefined();
  });

  it('does not take a process for gone because /proc hides it', () => {
    const { readFileSync } = fs;
    const spy = vi.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...rest: []) => {
      if (String(file).startsWith('/proc/')) throw Object.assign(new Error('hidden'), { code: 'ENOENT' });
      return readFileSync(file, ...rest);
    }) as never);
    onTestFinished(() => spy.mockRestore());
    expect(serverOn(dataDirectory(String(process.pid)))).toContain(`process ${process.pid}`);
    expect(serverOn(dataDirectory(String(deadPid())))).toBeUndefined();
  });

  it('knows that process 1 is that of a container, whose directory this is', () => {
    expect(serverOn(dataDirectory('1'))).toContain('container');
  });

  it.each(['', 'nonsense', '-4711', '0', '12.5'])(
    'stays away from a directory whose file names no process: "%s"',
    (line) => {
      expect(serverOn(dataDirectory(line))).toContain('no process id');
    },
  );

  it('does not take an unreadable file for none', () => {
    const directory = scratchDirectory();
    fs.mkdirSync(path.join(directory, 'postmaster.pid'));
    expect(() => serverOn(directory)).toThrow('EISDIR');
  });
});

it('goes by the file alone in a container, where process ids are of another world', () => {
  vi.stubEnv('ODO_IN_CONTAINER', '1');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(serverOn(dataDirectory(String(deadPid())))).toContain('another container');
});
