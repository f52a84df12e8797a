import { expect, it } from 'vitest';
import { collationNotes, findChanged } from '../../../../src/postgres/files/collation-versions.ts';

it('finds versions that differ, also where one side has none', () => {
  expect(
    findChanged([
      ['a', 'libc', '2.36', '2.36'],
      ['b', 'libc', '2.31', '2.36'],
      ['c', 'libc', '', '2.36'],
      ['d', 'libc', '2.36', ''],
      ['e', 'libc', '', ''],
    ]),
  ).toEqual([
    { name: 'b', provider: 'libc', recorded: '2.31', actual: '2.36' },
    { name: 'c', provider: 'libc', actual: '2.36' },
    { name: 'd', provider: 'libc', recorded: '2.36' },
  ]);
});

it('advises for each database what to run, in the right order', () => {
  const notes = collationNotes([
    { database: 'a "b"', provider: 'libc', recorded: '2.31', actual: '2.36' },
    { database: 'a "b"', collation: 'public.german', provider: 'icu', recorded: '153.14', actual: '153.120' },
    { database: 'c', provider: 'libc', recorded: '2.36' },
  ]);
  expect(notes).toHaveLength(2);
  expect(notes[0]).toContain('libc 2.31 and is now used with libc 2.36');
  expect(
    notes[0]?.endsWith(
      'REINDEX DATABASE "a ""b"""; ALTER DATABASE "a ""b""" REFRESH COLLATION VERSION; ALTER COLLATION ' +
        'public.german REFRESH VERSION;',
    ),
  ).toBe(true);
  expect(notes[1]).toContain('libc 2.36 and is now used with libc without versions (as musl)');
});

it('advises no refresh from or to a library without versions, which the server refuses', () => {
  const [note] = collationNotes([
    { database: "it's", provider: 'libc', recorded: '2.36' },
    { database: "it's", collation: 'public."O\'k"', provider: 'libc', actual: '2.36' },
  ]);
  expect(note).not.toContain('REFRESH');
  expect(note).toContain('REINDEX DATABASE "it\'s"; UPDATE pg_database SET datcollversion');
  expect(note).toContain("WHERE datname = 'it''s'; UPDATE pg_collation SET collversion");
  expect(note).toContain(`WHERE oid = 'public."O''k"'::regcollation;`);
});
