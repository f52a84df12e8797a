import { expect, it } from 'vitest';
import { parseSize } from '../../../../src/cli/options/parse-size.ts';

it.each([
  ['1GiB', 2 ** 30],
  ['256MiB', 256 * 2 ** 20],
  ['256 MB', 256 * 2 ** 20],
  ['2G', 2 ** 31],
  ['1.5g', 1.5 * 2 ** 30],
  ['512k', 2 ** 19],
  ['33554432', 2 ** 25],
  ['4096B', 4096],
  ['1t', 2 ** 40],
])('reads %s as bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

it.each(['', 'much', '-1G', '1GG', '1 G 2', '0x10', 'GiB', '1e9', '1,5G'])('does not take %j for a size', (text) => {
  expect(parseSize(text)).toBeUndefined();
});
