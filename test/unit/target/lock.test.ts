import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { demandFree, takeLock } from '../../../src/target/lock.ts';
import { scratchDirectory } from '../scratch-directory.ts';

let directory: string;
let file: string;

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

async function secondsOf(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return (performance.now() - startedAt) / 1000;
}

describe('a lock', () => {
  it('is had by one at a time, who is named', async () => {
    const lock = await takeLock(directory);
    const named = new RegExp(`process ${process.pid} on ${os.hostname()} since \\d{4}-`);
    await expect(takeLock(directory)).rejects.toMatchObject({ code: 'unsafeTarget', message: expect.stringMatching(named) });
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

  it('of another container is that of a living one as long as it beats, whatever the clock says, and else ends after ten seconds', async () => {
    const uptimeMs = (silentMs: number) => String(Math.round(os.uptime() * 1000 - silentMs)).padStart(15, '0');
    leave(`process 1 on there since then\n${BOOT} pid:[1]\n77 ${uptimeMs(60_000)}\n`, 0);
    const startedAt = performance.now();
    (await takeLock(directory)).release();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    leave(`process 1 on there since then\n${BOOT} pid:[1]\n77 ${uptimeMs(9_000)}\n`, 3_600_000);
    const took = await secondsOf(takeLock(directory).then((lock) => lock.release()));
    expect(took).toBeGreaterThan(0.5);
    expect(took).toBeLessThan(4);
  });

  it.each([
    ['another machine', 'process 1 on there since then\n0-0-0 pid:[1]\n'],
    ['somebody unnamed', ''],
  ])('of %s is taken over when it does not move while it is watched', async (_who, holder) => {
    leave(holder, 3_600_000);
    const took = await secondsOf(takeLock(directory).then((lock) => lock.release()));
    expect(took).toBeGreaterThan(4);
    expect(took).toBeLessThan(20);
  });

  it.each([
    ['goes right', 0],
    ['is an hour slow', -3_600_000],
    ['is an hour fast', 3_600_000],
  ])('of another machine, whose clock %s, is respected when it gives a sign of life', async (_clock, skewMs) => {
    leave('process 1 on there since then\n0-0-0 pid:[1]\n', -skewMs);
    const sign = setInterval(() => leave('process 1 on there since then\n0-0-0 pid:[1]\n', -skewMs), 300);
    await expect(takeLock(directory)).rejects.toMatchObject({
      message: expect.stringContaining('process 1 on there since then'),
    });
    clearInterval(sign);
  });

  it('that somebody else has taken over is not released', async () => {
    const lock = await takeLock(directory);
    fs.rmSync(file);
    fs.writeFileSync(file, 'process 1 on there since then\n0-0-0 pid:[1]\n');
    lock.release();
    expect(fs.existsSync(file)).toBe(true);
  });
});
