import { expect, it } from 'vitest';
import { runAmcheck } from '../../../../src/restore/database/amcheck.ts';
import type { ProgramOutcome } from '../../../../src/restore/database/service-database.ts';

const SOUND = { exitCode: 0, stdout: '', stderr: '' };
const DAMAGE = {
  exitCode: 2,
  stdout: 'btree index "shop.public.words":\n    ERROR:  item order invariant violated',
  stderr: '',
};

/** A server whose pg_amcheck ends like this, one run after the other. */
function serverWith(...outcomes: (ProgramOutcome | undefined)[]) {
  const asked: string[] = [];
  const runs: (readonly string[])[] = [];
  const database = {
    query: async (sql: string, name?: string) => {
      asked.push(sql);
      if (sql.startsWith('select datname')) return [['shop'], ['postgres']];
      return name === 'shop' ? [['1']] : [];
    },
    runClient: async (_program: string, args: readonly string[]) => {
      runs.push(args);
      return outcomes[runs.length - 1];
    },
  };
  return { database, asked, runs };
}

const asBefore = { haveChanged: false };
const changed = { haveChanged: true };

it('says nothing of a sound cluster, and takes the extension out of where it was not', async () => {
  const { database, asked, runs } = serverWith(SOUND);
  expect(await runAmcheck(database, changed)).toBeUndefined();
  expect(runs).toEqual([['--all', '--install-missing']]);
  expect(asked.filter((sql) => sql.startsWith('drop'))).toHaveLength(1);
});

it('takes what it finds for damage', async () => {
  const { database, runs } = serverWith(DAMAGE);
  await expect(runAmcheck(database, asBefore)).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining('item order invariant violated'),
  });
  expect(runs).toHaveLength(1);
});

it('does not take the order of indexes for damage where text sorts otherwise, but finds that of tables', async () => {
  const { database, asked, runs } = serverWith(DAMAGE, SOUND);
  expect(await runAmcheck(database, changed)).toContain('run it again after the REINDEX');
  expect(runs[1]).toEqual(['--all', '--no-dependent-indexes']);
  expect(asked.filter((sql) => sql.startsWith('drop'))).toHaveLength(1);
  await expect(runAmcheck(serverWith(DAMAGE, DAMAGE).database, changed)).rejects.toMatchObject({ code: 'dataCorrupt' });
});

it('notes that it could not check', async () => {
  expect(await runAmcheck(serverWith(undefined).database, asBefore)).toContain('has no pg_amcheck');
  const refused = { exitCode: 1, stdout: '', stderr: 'pg_amcheck: error: no permission' };
  expect(await runAmcheck(serverWith(refused).database, changed)).toContain('no permission');
});
