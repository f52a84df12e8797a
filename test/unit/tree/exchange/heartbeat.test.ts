import fs from 'node:fs';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { beforeEach, expect, it, vi } from 'vitest';
import { demandHeld, takeLock } from '../../../../src/tree/exchange/lock.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

/** The threads that were started, and how many starts from now on fail as where a limit of processes is reached. */
const threads = vi.hoisted(() => ({ started: [] as Worker[], failing: 0 }));

vi.mock('node:worker_threads', async (load) => {
  const actual = await load<typeof import('node:worker_threads')>();
  class ScarceWorker extends actual.Worker {
    constructor(program: string, options: object) {
      const isRefused = threads.failing-- > 0;
      super(isRefused ? 'process.exit(1)' : program, options);
      threads.started.push(this);
      if (isRefused) setTimeout(() => this.emit('error', new Error('EAGAIN')), 1);
    }
  }
  return { ...actual, Worker: ScarceWorker };
});

let directory: string;
let file: string;

beforeEach(() => {
  directory = scratchDirectory();
  file = path.join(directory, 'lock');
  threads.failing = 0;
});

const seen = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 50 });
const words = () => fs.readFileSync(file, 'utf8');

async function expectBeating(): Promise<void> {
  const before = words();
  await seen(() => expect(words()).not.toBe(before));
}

it('a thread that dies while it beats is replaced, as often as it takes', { timeout: 30_000 }, async () => {
  const lock = await takeLock(directory);
  await expectBeating();
  threads.failing = 2;
  await threads.started.at(-1)?.terminate();
  await seen(() => expect(threads.failing).toBeLessThan(0));
  await expectBeating();
  demandHeld(directory);
  lock.release();
  expect(fs.existsSync(file)).toBe(false);
});

it('a thread that has died without a word is replaced before the next lock is had', { timeout: 30_000 }, async () => {
  (await takeLock(directory)).release();
  const dying = threads.started.at(-1)?.terminate();
  const lock = await takeLock(directory);
  await dying;
  await expectBeating();
  lock.release();
});

it('there is no lock without a thread to beat it', { timeout: 30_000 }, async () => {
  await threads.started.at(-1)?.terminate();
  threads.failing = 1000;
  await expect(takeLock(directory)).rejects.toMatchObject({
    code: 'unsafeTarget',
    message: expect.stringContaining('no thread can be started'),
  });
  expect(fs.readdirSync(directory)).toEqual([]);
  threads.failing = 0;
  const lock = await takeLock(directory);
  await expectBeating();
  lock.release();
});
