import { expect, it } from 'vitest';
import { doubtLastTars } from '../../../../src/formats/barman/last-tars.ts';
import type { Part } from '../../../../src/formats/contract/format.ts';

const part = (key: string, sizeBytes: number, oid?: number): Part => ({
  ...(oid === undefined ? { role: 'base' } : { role: 'tablespace', oid }),
  key: `s/base/b1/${key}`,
  sizeBytes,
  layers: [],
});

const WHOLE = [part('data.tar', 105), part('data_0001.tar', 101), part('data_0002.tar', 7)];

it.each<[string, Part[]]>([
  ['none at all', []],
  ['one of each kind', [part('data.tar', 900), part('100.tar', 1000, 100)]],
  ['last ones that are smaller than all that were followed', [...WHOLE, part('100.tar', 100, 100)]],
  ['a larger one that was followed', [...WHOLE, part('100.tar', 900, 100), part('100_0001.tar', 100, 100)]],
])('does not doubt %s', (_what, parts) => {
  expect(doubtLastTars(parts)).toBeUndefined();
});

it.each<[string, string, Part[]]>([
  ['of the data', 'data_0001.tar', [part('data.tar', 101), part('data_0001.tar', 105)]],
  ['of a tablespace', '100_0001.tar', [part('data.tar', 1), part('100.tar', 102, 100), part('100_0001.tar', 102, 100)]],
  [
    'of any tablespace, by the data',
    '100.tar, 300.tar',
    [...WHOLE, part('100.tar', 101, 100), part('200.tar', 9, 200), part('300.tar', 200, 300)],
  ],
])('doubts a last one %s that is as large as one that another followed', (_what, names, parts) => {
  expect(doubtLastTars(parts)).toBe(
    `another tar may have followed ${names}, by the size, and nothing tells how many there were`,
  );
});
