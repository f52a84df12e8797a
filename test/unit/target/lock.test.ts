import { spawnSync } from 'node:child_process';
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

  it.each([
    ['another machine', 'process 1 on there since then\n0-0-0 pid:[1]\n'],
    ['somebody unnamed', ''],
  ])('of %s is taken over when nothing has been heard of it for ten seconds', async (_who, holder) => {
    leave(holder, 9_000);
    const took = await secondsOf(takeLock(directory).then((lock) => lock.release()));
    expect(took).toBeGreaterThan(0.5);
    expect(took).toBeLessThan(5);
  });

  it('of another machine is respected when it gives a sign of life', async () => {
    leave('process 1 on there since then\n0-0-0 pid:[1]\n', 9_000);
    const sign = setTimeout(() => fs.utimesSync(file, new Date(), new Date()), 300);
    await expect(takeLock(directory)).rejects.toMatchObject({
      message: expect.stringContaining('process 1 on there since then'),
    });
    clearTimeout(sign);
  });

  it('that somebody else has taken over is not released', async () => {
    const lock = await takeLock(directory);
    fs.writeFileSync(file, 'process 1 on there since then\n0-0-0 pid:[1]\n');
    lock.release();
    expect(fs.existsSync(file)).toBe(true);
  });
});
