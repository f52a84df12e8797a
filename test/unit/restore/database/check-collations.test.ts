import { expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { checkCollations } from '../../../../src/restore/database/check-collations.ts';

function asking(major: string, answers: { databases?: string[][]; collations?: Record<string, string[][]> }) {
  const asked: string[] = [];
  const query = async (sql: string, database?: string) => {
    asked.push(sql);
    if (sql.includes('server_version_num')) return [[major]];
    if (sql.includes('datcollversion')) return answers.databases ?? [];
    if (sql.startsWith('select datname')) return [['app'], ['postgres']];
    return answers.collations?.[database ?? ''] ?? [];
  };
  return { asked, database: { query } };
}

it('says nothing where nothing has changed', async () => {
  const { database } = asking('15', { databases: [['app', 'libc', '2.36', '2.36']] });
  const events: OdoEvent[] = [];
  expect(await checkCollations(database, (event) => events.push(event))).toEqual({ haveChanged: false, notes: [] });
  expect(events).toEqual([]);
});

it('warns once for each database, of its own collation and of those in it', async () => {
  const events: OdoEvent[] = [];
  const { database } = asking('17', {
    databases: [['app', 'libc', '2.31', '2.36']],
    collations: { app: [['public.x', 'icu', '1', '2']], postgres: [['public.y', 'icu', '1', '2']] },
  });
  const { haveChanged, notes } = await checkCollations(database, (event) => events.push(event));
  expect(haveChanged).toBe(true);
  expect(notes).toEqual([
    expect.stringMatching(/^in database app .*public\.x/),
    expect.stringMatching(/^in database postgres .*public\.y/),
  ]);
  expect(events).toEqual(notes.map((message) => ({ type: 'note', level: 'warning', message })));
});

it('goes by the namesake of a database’s collation where the server records none of its own', async () => {
  const { asked, database } = asking('14', { collations: { app: [['pg_catalog."en_US"', 'libc', '2.31', '2.36']] } });
  const { notes } = await checkCollations(database, () => undefined);
  expect(notes).toEqual([expect.stringContaining('ALTER COLLATION pg_catalog."en_US" REFRESH VERSION;')]);
  expect(asked.some((sql) => sql.includes('datcollversion'))).toBe(false);
  expect(asked.some((sql) => sql.includes('datcollate from pg_database'))).toBe(true);
});

it('warns where it could not ask', async () => {
  const query = async () => {
    throw new OdoError('promotionNotSeen', 'no answer');
  };
  expect(await checkCollations({ query }, () => undefined)).toEqual({
    haveChanged: false,
    notes: [expect.stringContaining('no answer')],
  });
});
