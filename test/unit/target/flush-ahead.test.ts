import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFlushAhead, createFlushesAhead } from '../../../src/target/flush-ahead.ts';
import { scratchDirectory } from '../scratch-directory.ts';

test('flushes when enough has been written, once at a time, and goes on after a failure', async () => {
  const ends: ((error?: Error) => void)[] = [];
  const flush = (directory: string) => {
    expect(directory).toBe('/volume');
    return new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
  };
  const wrote = createFlushAhead('/volume', flush, 100);
  wrote(60);
  expect(ends).toHaveLength(0);
  wrote(60);
  expect(ends).toHaveLength(1);
  wrote(500);
  expect(ends).toHaveLength(1);
  ends[0]?.(new Error('no such program'));
  await setImmediate();
  wrote(1);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await setImmediate();
  wrote(99);
  expect(ends).toHaveLength(2);
  wrote(1);
  expect(ends).toHaveLength(3);
});

test('counts together what goes to one file system', () => {
  const scratch = scratchDirectory();
  const directories = ['pgdata', 'tablespace'].map((name) => path.join(scratch, name));
  const flushed: string[] = [];
  const flush = async (directory: string) => void flushed.push(directory);
  const flushAheadOf = createFlushesAhead(flush, 100);
  const [pgdata, tablespace] = directories.map((directory) => {
    fs.mkdirSync(directory);
    return flushAheadOf(directory);
  });
  pgdata?.(60);
  expect(flushed).toEqual([]);
  tablespace?.(60);
  expect(flushed).toEqual([directories[0]]);
});
