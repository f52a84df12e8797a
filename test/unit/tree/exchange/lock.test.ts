import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readJournal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { demandFree, demandHeld, takeLock } from '../../../../src/tree/exchange/lock.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

let directory: string;
let file: string;

afterEach(() => void vi.restoreAllMocks());

beforeEach(() => {
  directory = scratchDirectory();
  file = path.join(directory, 'lock');
});

const BOOT = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const HERE = `${BOOT} ${fs.readlinkSync('/proc/self/ns/pid')}`;

function leave(holder: string, silentMs: number): void {
  fs.writeFileSync(file, holder);
  const then = new Date(Date.now() - silentMs);
  fs.utimesSync(file, then, then);
}

describe('a lock', () => {
  it('is had by one at a time, who is named', async () => {
    const lock = await takeLock(directory);
    const named = new RegExp(`process ${process.pid} on ${os.hostname()} since \\d{4}-`);
    await expect(takeLock(directory)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringMatching(named),
    });
    await expect(demandFree(directory)).rejects.toMatchObject({ code: 'unsafeTarget' });
    lock.release();
    expect(fs.readdirSync(directory)).toEqual([]);
    (await takeLock(directory)).release();
  });

  it('of a process that is gone is taken over at once', async () => {
    const { pid } = spawnSync('true');
    leave(`process ${pid} on here since now\n${HERE}\n`, 0);
    const startedAt = performance.now();
    (await takeLock(directory)).release();
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });

  it('of a process that is there is not, even when it has been silent for a while', async () => {
    leave(`process ${process.ppid} on here since now\n${HERE}\n`, 60_000);
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(fs.existsSync(file)).toBe(true);
  });

  it('of a process that is there is not, however long it was silent and whatever the clock says by now', async () => {
    const lock = await takeLock(directory);
    const child = spawn('sleep', ['60']);
    const [, , ...fields] = fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ');
    const named = (start: number) => `process ${child.pid} on here since now\n${HERE}\n${start} 000000000000001\n`;
    lock.release();
    try {
      leave(named(Number(fields[19])), 3_600_000);
      await expect(takeLock(directory)).rejects.toMatchObject({ code: 'unsafeTarget' });
      // Its number was another program's, which has ended.
      leave(named(Number(fields[19]) - 1), 0);
      (await takeLock(directory)).release();
    } finally {
      child.kill();
    }
  });

  it('beats on while its holder is busy, so that nobody elsewhere takes it for dead', async () => {
    const lock = await takeLock(directory);
    const look = () => ({
      touchedMs: fs.statSync(file).mtimeMs,
      uptimeMs: Number(/(\d{15})\n$/.exec(fs.readFileSync(file, 'utf8'))?.[1]),
    });
    const before = look();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    const after = look();
    expect(after.touchedMs).toBeGreaterThan(before.touchedMs);
    expect(after.uptimeMs).toBeGreaterThan(before.uptimeMs);
    expect(Math.abs(after.uptimeMs - os.uptime() * 1000)).toBeLessThan(10_000);
    lock.release();
  });

  it('that somebody else has taken over is not released', async () => {
    const lock = await takeLock(directory);
    fs.rmSync(file);
    fs.writeFileSync(file, 'process 1 on there since then\n0-0-0 pid:[1]\n');
    lock.release();
    expect(fs.existsSync(file)).toBe(true);
  });

  it.each(['ENOSPC', 'EDQUOT'])('is one all the same where there is no room for its name (%s)', async (code) => {
    vi.spyOn(fs, 'writeFileSync').mockImplementationOnce(() => {
      fs.appendFileSync(file, 'process');
      throw Object.assign(new Error(code), { code });
    });
    const lock = await takeLock(directory);
    expect(fs.readFileSync(file, 'utf8')).toBe('');
    demandHeld(directory);
    lock.release();
    expect(fs.existsSync(file)).toBe(false);
  });

  it('writes its name into its own file, never into one that has taken its place', async () => {
    const theirs = 'process 1 on there since then\n0-0-0 pid:[1]\n';
    const open = fs.openSync;
    vi.spyOn(fs, 'openSync').mockImplementationOnce((...args) => {
      const fd = open(...args);
      fs.rmSync(file);
      fs.writeFileSync(file, theirs);
      return fd;
    });
    const lock = await takeLock(directory);
    expect(() => demandHeld(directory)).toThrow(/process 1 on there/);
    lock.release();
    expect(fs.readFileSync(file, 'utf8')).toBe(theirs);
  });

  it.each([
    ['has taken it over', 'process 1 on there since then\n0-0-0 pid:[1]\n', 'process 1 on there since then'],
    ['has removed it', undefined, 'nobody says who'],
  ])('is demanded before a note of the journal: refused where somebody %s', async (_who, words, named) => {
    const journal = { version: 1, state: 'laying-down', backupId: 'b', startedAt: 'now', places: [] } as const;
    const lock = await takeLock(directory);
    writeJournal(directory, { ...journal, places: [] });
    fs.rmSync(file);
    if (words !== undefined) fs.writeFileSync(file, words);
    const staged = () => writeJournal(directory, { ...journal, state: 'staged', places: [] });
    expect(staged).toThrow(expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining(named) }));
    expect(readJournal(directory)?.state).toBe('laying-down');
    lock.release();
    expect(fs.existsSync(file)).toBe(words !== undefined);
  });

  it('of the faster one of two comes back to it, also where there are no hard links', async () => {
    const theirs = `process 9 on winner since now\n0-0-0 pid:[2]\n`;
    // Of another moment than the winner's, whose file may get the same inode.
    leave(`process ${spawnSync('true').pid} on dead since then\n${HERE}\n`, 50);
    const { renameSync } = fs;
    const refused = () => {
      throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
    };
    vi.spyOn(fs, 'linkSync').mockImplementation(refused);
    let beating: NodeJS.Timeout | undefined;
    onTestFinished(() => clearInterval(beating));
    vi.spyOn(fs, 'renameSync').mockImplementationOnce((from, to) => {
      fs.rmSync(file);
      leave(theirs, 0);
      beating = setInterval(() => leave(theirs, 0), 300);
      renameSync(from, to);
    });
    await expect(takeLock(directory)).rejects.toMatchObject({
      message: expect.stringContaining('process 9 on winner'),
    });
    clearInterval(beating);
    expect(fs.readFileSync(file, 'utf8')).toBe(theirs);
    expect(fs.readdirSync(directory)).toEqual(['lock']);
  });
});
