import { expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { checkPromoted } from '../../../../src/restore/database/check-promoted.ts';
import { openServiceDatabase } from '../../../../src/restore/database/service-database.ts';
import { fakeDocker } from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

/** A server that has something to tell of everything. */
function talkative(missing = '') {
  const run = oneByOne(({ argv }) => {
    const sql = argv.at(-1) ?? '';
    if (sql.includes('server_version_num')) return { stdout: '15\n' };
    if (sql.startsWith('select datname from pg_database')) return { stdout: 'app\npostgres\n' };
    if (sql.includes('datcollversion')) return { stdout: 'app\tlibc\t2.31\t2.36\n' };
    if (sql.includes('pg_subscription')) return { stdout: 'orders\tapp\n' };
    if (sql.includes('pg_stat_file') && argv.includes('app')) return { stdout: missing };
    if (sql.includes('pg_proc') && argv.includes('app')) return { stdout: 'library\t$libdir/postgis-3\n' };
    return {};
  });
  const { docker, execs } = fakeDocker({ db: {} }, run);
  const address = { docker, containerId: 'db', dataDirectory: '/data', env: {} };
  const database = openServiceDatabase(address, new AbortController().signal);
  return { database, execs };
}

const FACTS = { libraries: ['plpgsql'], isCopy: false };

it('asks a promoted server all of it in two calls: what there is, and what is in it', async () => {
  const { database, execs } = talkative();
  const { haveChanged, notes } = await checkPromoted(database, FACTS, () => undefined);
  expect(haveChanged).toBe(true);
  expect(notes).toEqual([
    expect.stringContaining('in database app text may sort in another order'),
    expect.stringContaining('postgis-3 (database app)'),
    expect.stringContaining('orders (database app)'),
  ]);
  expect(execs).toHaveLength(2);
});

it('tells all the rest before it ends for a relation without its file', async () => {
  const { database, execs } = talkative('base/5/16384\tpublic.orders\n');
  const events: OdoEvent[] = [];
  await expect(checkPromoted(database, FACTS, (event) => events.push(event))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining('public.orders in database app (base/5/16384)'),
  });
  expect(events.filter(({ type }) => type === 'note')).toHaveLength(3);
  expect(execs).toHaveLength(3);
});

it('says nothing of a server when nobody waits for the answers any more', async () => {
  const told: OdoEvent[] = [];
  const database = { query: () => Promise.reject(new OdoError('cancelled', 'cancelled')) };
  await expect(checkPromoted(database, FACTS, (event) => told.push(event))).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(told).toEqual([]);
});
