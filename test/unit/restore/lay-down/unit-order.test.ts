import { expect, test } from 'vitest';
import { barman } from '../../../../src/formats/barman/barman.ts';
import type { Unit } from '../../../../src/formats/contract/format.ts';
import { createRepeats, finishInOrder } from '../../../../src/restore/lay-down/unit-order.ts';
import type { Staging } from '../../../../src/restore/staging/staging.ts';
import type { TarEntry } from '../../../../src/stream/bytes/entry.ts';

const unit = (ordinal: number, key: string, role: Unit['role'] = 'base'): Unit => {
  return { kind: 'tar', ordinal, key, role, sizeBytes: 1, layers: [] };
};
const [first, second, third, space] = [
  unit(0, '1'),
  unit(1, '2'),
  unit(2, '3'),
  unit(3, 'space', 'tablespace'),
] as const;

function createStaging(...keys: string[]) {
  const finished = [...keys];
  const staging = {
    isFinished: (key: string) => finished.includes(key),
    finishUnit: (key: string) => void finished.push(key),
  };
  return { staging: staging as unknown as Staging, finished };
}

test('a unit of the data directory counts as finished when those before it are, a tablespace at once', () => {
  const { staging, finished } = createStaging();
  const finish = finishInOrder(staging);
  finish(second);
  finish(space);
  expect(finished).toEqual(['space']);
  finish(first);
  expect(finished).toEqual(['space', '1', '2']);
  finish(third);
  expect(finished).toEqual(['space', '1', '2', '3']);
});

test('what an interrupted run had finished counts', () => {
  const { staging, finished } = createStaging('1');
  const finish = finishInOrder(staging);
  finish(first);
  finish(second);
  expect(finished).toEqual(['1', '2']);
});

test('of a file that may repeat, that of the latest part counts, whichever comes first', () => {
  const isSuperseded = createRepeats(barman.mayRepeat);
  const entry = (path: string): TarEntry => ({
    path,
    type: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtimeMs: 0,
    sizeBytes: 1,
  });
  expect(isSuperseded(entry('postgresql.conf'), second)).toBe(false);
  expect(isSuperseded(entry('postgresql.conf'), first)).toBe(true);
  expect(isSuperseded(entry('postgresql.conf'), second)).toBe(false);
  expect(isSuperseded(entry('postgresql.conf'), third)).toBe(false);
  // No other file may come twice, and if it does, the writer has to see it.
  expect(isSuperseded(entry('base/1/2'), second)).toBe(false);
  expect(isSuperseded(entry('base/1/2'), first)).toBe(false);
});
