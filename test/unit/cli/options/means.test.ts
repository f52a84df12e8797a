import { expect, test } from 'vitest';
import { meansRequest } from '../../../../src/cli/options/means.ts';

test('memory is a size with a unit, connections a number', () => {
  expect(meansRequest({})).toEqual({});
  expect(meansRequest({ memory: '512MiB', connections: '4' })).toEqual({ memoryBytes: 512 * 2 ** 20, connections: 4 });
  // As a configuration file has them.
  expect(meansRequest({ memory: 2 ** 28, connections: 16 })).toEqual({ memoryBytes: 2 ** 28, connections: 16 });
  expect(meansRequest({ memory: '1g' })).toEqual({ memoryBytes: 2 ** 30 });
});

test.each(['100M', '256', 'much', '', ['1G', '2G']])('a memory of %j is refused', (memory) => {
  expect(() => meansRequest({ memory })).toThrow(
    expect.objectContaining({ code: 'usage', hint: 'such as --memory 512M' }),
  );
});

test.each(['0', '-1', '1.5', '65', 'many', '', ['1', '2']])('%j connections are refused', (connections) => {
  expect(() => meansRequest({ connections })).toThrow(expect.objectContaining({ code: 'usage' }));
});
