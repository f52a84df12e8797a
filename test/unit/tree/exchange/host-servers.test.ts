import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostServerOn } from '../../../../src/tree/exchange/host-servers.ts';
import { probePlace } from '../../../../src/tree/exchange/probe.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

/** A process that looks like a server from outside: by its name, and by its working directory. */
async function startLookalike(scratch: string, directory: string): Promise<number> {
  const program = path.join(scratch, 'postgres');
  fs.copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['60'], { cwd: directory, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid as number;
  while (fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'postgres') await sleep(10);
  return pid;
}

describe('hostServerOn', () => {
  it('finds a server by its working directory, under whatever name of it, unless it is the own one', async () => {
    const scratch = scratchDirectory();
    const directory = path.join(scratch, 'data');
    fs.mkdirSync(directory);
    fs.symlinkSync(directory, path.join(scratch, 'link'));
    const seen = probePlace({ root: path.join(scratch, 'link'), odoDir: path.join(scratch, '.odo') });
    expect(hostServerOn(seen, [])).toBeUndefined();
    const pid = await startLookalike(scratch, directory);
    expect(hostServerOn(seen, [])).toBe(`process ${pid} of this machine`);
    expect(hostServerOn(seen, [pid])).toBeUndefined();
    expect(hostServerOn(seen, [process.pid])).toBeUndefined();
    expect(hostServerOn({ inode: '0:1' }, [])).toBeUndefined();
  });

  it('goes by postmaster.pid where it may not look into a process, and only when that began at the same time', () => {
    const scratch = scratchDirectory();
    const proc = path.join(scratch, 'proc');
    fs.mkdirSync(path.join(proc, '77'), { recursive: true });
    fs.writeFileSync(path.join(proc, 'stat'), 'cpu 1\nbtime 1000\n');
    fs.writeFileSync(path.join(proc, '77/comm'), 'postgres\n');
    const fields = ['S', '1', ...Array.from({ length: 17 }, () => '0'), '50000', '0'];
    fs.writeFileSync(path.join(proc, '77/stat'), `77 (post) gres) ${fields.join(' ')}\n`);
    expect(hostServerOn({ postmaster: { pid: 77, startedAt: 1501 } }, [], proc)).toBe('process 77 of this machine');
    expect(hostServerOn({ postmaster: { pid: 77, startedAt: 1600 } }, [], proc)).toBeUndefined();
    expect(hostServerOn({ postmaster: { pid: 78, startedAt: 1501 } }, [], proc)).toBeUndefined();
    expect(hostServerOn({ postmaster: { pid: 77, startedAt: 1501 } }, [77], proc)).toBeUndefined();
    expect(hostServerOn({}, [], path.join(scratch, 'none'))).toBeUndefined();
  });
});
