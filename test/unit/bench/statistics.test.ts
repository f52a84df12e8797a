import { describe, expect, it } from 'vitest';
import { median, rotate } from '../../bench/statistics.ts';

describe('median', () => {
  it('is the middle value, however they are ordered', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 9, 1, 2, 100])).toBe(9);
  });

  it('is the mean of the two in the middle of an even count', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('does not change the list', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('refuses nothing', () => {
    expect(() => median([])).toThrow('no median');
  });
});

describe('rotate', () => {
  it('lets each begin once', () => {
    expect([0, 1, 2, 3].map((by) => rotate(['a', 'b', 'c'], by).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(rotate([], 2)).toEqual([]);
  });
});
