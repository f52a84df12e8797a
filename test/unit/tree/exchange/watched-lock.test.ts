import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeLock } from '../../../../src/tree/exchange/lock.ts';

const BOOT = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const ELSEWHERE = 'process 1 on there since then\n0-0-0 pid:[1]\n';

const uptimeMs = (silentMs: number) => String(Math.round(os.uptime() * 1000 - silentMs)).padStart(15, '0');
const inContainer = (silentMs: number) => `process 1 on there since then\n${BOOT} pid:[1]\n77 ${uptimeMs(silentMs)}\n`;

async function secondsOf(work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return (performance.now() - startedAt) / 1000;
}

// Each watches a lock for seconds, so they do it together.
describe.concurrent('a lock that is watched', () => {
  let root: string;

  beforeAll(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-unit-'));
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  /** A directory of its own, and a way to leave a lock in it. */
  function place() {
    const directory = fs.mkdtempSync(path.join(root, 'place-'));
    const file = path.join(directory, 'lock');
    const leave = (holder: string, silentMs: number) => {
      fs.writeFileSync(file, holder);
      const then = new Date(Date.now() - silentMs);
      fs.utimesSync(file, then, then);
    };
    return { directory, file, leave };
  }

  /** Tries for the lock, while somebody else leaves it anew again and again. */
  async function triedFor(directory: string, beat: () => void, everyMs: number): Promise<unknown> {
    const beating = setInterval(beat, everyMs);
    try {
      return await takeLock(directory).catch((error: unknown) => error);
    } finally {
      clearInterval(beating);
    }
  }

  it.each([
    [60_000, 0],
    [9_000, 3_600_000],
  ])('in another container is taken over after ten silent seconds and three beats: %i, %i', async (silent, touched) => {
    const { directory, leave } = place();
    leave(inContainer(silent), touched);
    const took = await secondsOf(takeLock(directory).then((lock) => lock.release()));
    expect(took).toBeGreaterThan(3);
    expect(took).toBeLessThan(20);
  });

  it('in another container is respected when it beats on, however long silent, as when the machine slept', async () => {
    const { directory, file, leave } = place();
    leave(inContainer(3_600_000), 3_600_000);
    expect(await triedFor(directory, () => leave(inContainer(0), 0), 900)).toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringContaining('process 1 on there'),
    });
    expect(fs.existsSync(file)).toBe(true);
  });

  it.each([
    ['another machine', ELSEWHERE],
    ['somebody unnamed', ''],
  ])('of %s is taken over when it does not move meanwhile', async (_who, holder) => {
    const { directory, leave } = place();
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
    const { directory, leave } = place();
    leave(ELSEWHERE, -skewMs);
    expect(await triedFor(directory, () => leave(ELSEWHERE, -skewMs), 300)).toMatchObject({
      message: expect.stringContaining('process 1 on there since then'),
    });
  });
});
