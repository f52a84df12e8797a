import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { checkContents } from '../../../../src/restore/database/check-contents.ts';

interface Contents {
  needs?: Record<string, string[][]>;
  subscriptions?: string[][];
  jobs?: number;
}

function asking({ needs = {}, subscriptions = [], jobs = 0 }: Contents) {
  const asked: string[] = [];
  const query = async (sql: string, database = '') => {
    asked.push(sql);
    if (sql.includes('pg_subscription')) return subscriptions;
    if (sql.startsWith('select datname')) return [['app'], ['postgres']];
    if (sql.includes('cron.job')) return [[String(jobs)]];
    return needs[database] ?? [['library', '$libdir/plpgsql']];
  };
  return { asked, database: { query } };
}

const LIBRARIES = ['plpgsql', 'pg_stat_statements'];
const SERVICE = { libraries: LIBRARIES, isCopy: false };

describe('what the data of a promoted server brings along', () => {
  it('is nothing to speak of as a rule', async () => {
    expect(await checkContents(asking({}).database, SERVICE)).toEqual([]);
  });

  it('is functions whose libraries the image lacks, each library once with its databases', async () => {
    const needs = {
      app: [
        ['library', '$libdir/postgis-3'],
        ['library', '$libdir/plpgsql'],
        ['library', 'pg_stat_statements.so'],
      ],
      postgres: [
        ['library', '$libdir/postgis-3'],
        ['library', '/opt/own/library.so'],
        ['library', 'bare'],
      ],
    };
    const lacking = 'postgis-3 \\(database app, postgres\\); bare \\(database postgres\\);';
    expect(await checkContents(asking({ needs }).database, SERVICE)).toEqual([
      expect.stringMatching(new RegExp(`^functions need libraries that the service's image lacks, .*: ${lacking}`)),
    ]);
    // What the image has is not known.
    expect(await checkContents(asking({ needs }).database, { isCopy: false })).toEqual([]);
  });

  it('is subscriptions and jobs, which work from now on', async () => {
    const { database } = asking({
      needs: { app: [['extension', 'pg_cron']] },
      subscriptions: [['orders', 'app']],
      jobs: 3,
    });
    expect(await checkContents(database, SERVICE)).toEqual([
      expect.stringMatching(
        /^a subscription is enabled, and it takes? .*: orders \(database app\); ALTER SUBSCRIPTION/,
      ),
      expect.stringMatching(/^pg_cron runs 3 active jobs of database app from now on; .*cron\.launch_active_jobs=off/),
    ]);
    const many = Array.from({ length: 7 }, (_, number) => [`s${number}`, 'app']);
    const [note] = await checkContents(asking({ subscriptions: many }).database, SERVICE);
    expect(note).toMatch(/^7 subscriptions are enabled, .*s4 \(database app\) and 2 more;/);
  });

  it('is not asked for of a copy, which neither subscribes nor runs jobs', async () => {
    const { database, asked } = asking({
      needs: {
        app: [
          ['extension', 'pg_cron'],
          ['library', '$libdir/postgis-3'],
        ],
      },
      subscriptions: [['orders', 'app']],
      jobs: 3,
    });
    expect(await checkContents(database, { libraries: LIBRARIES, isCopy: true })).toEqual([
      expect.stringContaining('postgis-3'),
    ]);
    expect(asked.filter((sql) => /pg_subscription|cron\.job/.test(sql))).toEqual([]);
  });

  it('is told when it cannot be asked for, which does not spoil the restore', async () => {
    const query = () => Promise.reject(new OdoError('promotionNotSeen', 'no answer'));
    expect(await checkContents({ query }, SERVICE)).toEqual([
      expect.stringMatching(/could not be found out: no answer$/),
    ]);
  });
});
