import { expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { checkRelationFiles } from '../../../../src/restore/database/check-relation-files.ts';

/** Rows: a file, and the relation that lacks it. Or why there is no answer. */
type Answer = string[][] | OdoError;

/** A server whose databases answer like this, one time after the other; the last answer stays. */
function serverWith(answersOf: Record<string, Answer[]>) {
  const asked: string[] = [];
  const query = async (sql: string, name?: string): Promise<string[][]> => {
    if (name === undefined) {
      expect(sql).toMatch(/^select datname from pg_database where datallowconn/);
      return Object.keys(answersOf).map((one) => [one]);
    }
    asked.push(name);
    const answers = answersOf[name] ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof OdoError) throw answer;
    return answer ?? [];
  };
  const events: OdoEvent[] = [];
  const outcome = checkRelationFiles({ query }, (event) => events.push(event));
  outcome.catch(() => undefined);
  return { outcome, asked, events };
}

const ORDERS = ['pg_tblspc/16384/PG_15_202209061/5/16390', 'public.orders'];
const INVOICES = ['pg_tblspc/16384/PG_15_202209061/5/16393', 'public.invoices'];
const silent = (reason: string) => new OdoError('promotionNotSeen', reason);

it('says nothing where every relation has its files, and asks each database once', async () => {
  const { outcome, asked, events } = serverWith({ shop: [[]], postgres: [[]], template1: [[]] });
  expect(await outcome).toEqual([]);
  expect(asked).toEqual(['shop', 'postgres', 'template1']);
  expect(events).toEqual([]);
});

it('ends with the relation, its database and its file', async () => {
  const { outcome } = serverWith({ shop: [[ORDERS]], postgres: [[]] });
  await expect(outcome).rejects.toMatchObject({
    code: 'dataCorrupt',
    exitCode: 14,
    message:
      'the restored server came up, but a relation lacks files: public.orders in database shop ' +
      '(pg_tblspc/16384/PG_15_202209061/5/16390)',
    hint: expect.stringContaining('try an older backup with --backup'),
  });
});

it('asks a second time, since relations come and go', async () => {
  const dropped = serverWith({ shop: [[ORDERS], []] });
  expect(await dropped.outcome).toEqual([]);
  expect(dropped.asked).toEqual(['shop', 'shop']);
  // Another one is being dropped by then.
  expect(await serverWith({ shop: [[ORDERS], [INVOICES]] }).outcome).toEqual([]);
  await expect(serverWith({ shop: [[ORDERS, INVOICES], [INVOICES]] }).outcome).rejects.toMatchObject({
    message: expect.stringMatching(/a relation lacks files: public\.invoices in database shop/),
  });
});

it('counts relations of all databases, and names the first few of them and of their files', async () => {
  const many = Array.from({ length: 6 }, (_, at) => [`base/5/${at}`, `public.t${at}`]);
  const large = Array.from({ length: 7 }, (_, at) => [`base/16385/9.${at + 1}`, 'public.large']);
  await expect(serverWith({ shop: [large], postgres: [many] }).outcome).rejects.toMatchObject({
    message: expect.stringMatching(
      new RegExp(
        '7 relations lack files: public.large in database shop \\(base/16385/9.1, .*, base/16385/9.5, and 2 more\\); ' +
          'public.t0 in .*; public.t3 in database postgres \\(base/5/3\\); and 2 more$',
      ),
    ),
  });
});

it('counts a catalogue that all databases share once', async () => {
  const shared = ['global/2396', 'pg_catalog.pg_shdescription'];
  await expect(serverWith({ shop: [[shared]], postgres: [[shared]] }).outcome).rejects.toMatchObject({
    message: expect.stringMatching(/but a relation lacks files: pg_catalog\.pg_shdescription/),
  });
});

it('warns of databases that do not answer, and judges the others all the same', async () => {
  const { outcome, events } = serverWith({ a: [silent('no entry')], b: [[]], c: [silent('no entry')] });
  const note = 'whether every relation of database a, c has its files could not be found out: no entry';
  expect(await outcome).toEqual([note]);
  expect(events).toEqual([{ type: 'note', level: 'warning', message: note }]);
  const other = serverWith({ a: [silent('no entry')], b: [[ORDERS]] });
  await expect(other.outcome).rejects.toMatchObject({ code: 'dataCorrupt' });
  expect(other.events).toHaveLength(1);
});

it('gives no verdict where the second question has no answer, nor where nothing can be asked', async () => {
  expect(await serverWith({ shop: [[ORDERS], silent('it went away')] }).outcome).toEqual([
    expect.stringMatching(/database shop has its files .*: it went away$/),
  ]);
  const query = () => Promise.reject(silent('no answer'));
  expect(await checkRelationFiles({ query }, () => undefined)).toEqual([
    'whether every relation has its files could not be found out: no answer',
  ]);
});
