import { expect, it } from 'vitest';
import { formatTablespaceMap, parseTablespaceMap, relocate } from '../../../../src/postgres/files/tablespace-map.ts';

// written by pg_basebackup of PostgreSQL 15, for /tmp/ts one and /tmp/ts\two
const REAL = '16384 /tmp/ts one\n16385 /tmp/ts\\\\two\n';

it('reads and writes what PostgreSQL does', () => {
  const entries = parseTablespaceMap(REAL);
  expect(entries).toEqual([
    { oid: 16384, location: '/tmp/ts one' },
    { oid: 16385, location: '/tmp/ts\\two' },
  ]);
  expect(formatTablespaceMap(entries)).toBe(REAL);
});

it('escapes line ends', () => {
  const entries = [{ oid: 1, location: '/a\nb\rc\\' }];
  expect(formatTablespaceMap(entries)).toBe('1 /a\\\nb\\\rc\\\\\n');
  expect(parseTablespaceMap(formatTablespaceMap(entries))).toEqual(entries);
});

it('takes an empty map and one without a last line feed', () => {
  expect(parseTablespaceMap('')).toEqual([]);
  expect(parseTablespaceMap('1 /a')).toEqual([{ oid: 1, location: '/a' }]);
});

it('refuses other lines', () => {
  expect(() => parseTablespaceMap('16384\n')).toThrow("unreadable line '16384'");
});

it('moves the tablespaces that are named', () => {
  expect(relocate(parseTablespaceMap(REAL), new Map([[16385, '/new']]))).toEqual([
    { oid: 16384, location: '/tmp/ts one' },
    { oid: 16385, location: '/new' },
  ]);
});
