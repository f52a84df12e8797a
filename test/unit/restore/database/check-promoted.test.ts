import { expect, it } from 'vitest';
import { checkPromoted } from '../../../../src/restore/database/check-promoted.ts';
import { openServiceDatabase } from '../../../../src/restore/database/service-database.ts';
import { fakeDocker } from '../../parts/fake-docker.ts';
import { oneByOne } from '../../parts/one-by-one.ts';

it('asks a promoted server all of it in two calls: what there is, and what is in it', async () => {
  const run = oneByOne(({ argv }) => {
    const sql = argv.at(-1) ?? '';
    if (sql.includes('server_version_num')) return { stdout: '15\n' };
    if (sql.startsWith('select datname from pg_database')) return { stdout: 'app\npostgres\n' };
    if (sql.includes('datcollversion')) return { stdout: 'app\tlibc\t2.31\t2.36\n' };
    if (sql.includes('pg_subscription')) return { stdout: 'orders\tapp\n' };
    if (sql.includes('pg_proc') && argv.includes('app')) return { stdout: 'library\t$libdir/postgis-3\n' };
    return {};
  });
  const { docker, execs } = fakeDocker({ db: {} }, run);
  const address = { docker, containerId: 'db', dataDirectory: '/data', env: {} };
  const database = openServiceDatabase(address, new AbortController().signal);
  const { haveChanged, notes } = await checkPromoted(
    database,
    { libraries: ['plpgsql'], isCopy: false },
    () => undefined,
  );
  expect(haveChanged).toBe(true);
  expect(notes).toEqual([
    expect.stringContaining('in database app text may sort in another order'),
    expect.stringContaining('postgis-3 (database app)'),
    expect.stringContaining('orders (database app)'),
  ]);
  expect(execs).toHaveLength(2);
});
