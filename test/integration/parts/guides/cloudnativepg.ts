import { expect } from 'vitest';
import { startCloudNativeCluster } from '../cloudnative-cluster.ts';
import { writeProject } from '../compose-project.ts';
import { createBucket, emptyBucket } from '../s3.ts';
import { openSession } from './session.ts';
import { KEYS } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** The backup of an operator's cluster that is gone, and an empty folder. */
export async function cloudNativePg(): Promise<Situation> {
  const bucket = await createBucket();
  const source = await startCloudNativeCluster({ major: 17, bucket, prefix: 'cnpg', server: 'shop' });
  try {
    await source.sql("create database app template template0 locale 'en_US.utf8'");
    await source.sql('create table orders as select generate_series(1, 1000) as id', 'app');
    await source.sql("update pg_database set datcollversion = '2.28' where datname = 'app'");
    await source.backup();
    await source.sql('insert into orders values (1001)', 'app');
    await source.archiveAll();
  } finally {
    await source.remove();
  }
  // Its compose file is written anew by the guide.
  const project = writeProject({ image: 'postgres:17', mountAt: '/var/lib/postgresql/data' });
  const session = openSession(project.folder, project.name);
  return {
    session,
    folder: project.folder,
    going: [],
    names: {
      ...KEYS,
      's3://backups/cnpg/shop': `s3://${bucket}/cnpg/shop`,
      "password '…'": "password 'of-the-test'",
    },
    async close() {
      session.close();
      await project.down();
      await emptyBucket(bucket);
    },
    sections: {
      '1. A service of the same major version': {
        after: async ([listed = '']) => expect(listed).toMatch(/PostgreSQL +17|\b17\b/),
      },
      '2. Restore': {
        async after([told = '']) {
          expect(told).toMatch(/archive_command is '' instead of .*\/controller\/manager/);
          expect(told).toMatch(/REINDEX DATABASE "app"; ALTER DATABASE "app" REFRESH COLLATION VERSION/);
          expect(await project.sql('select count(*) from orders', 'app')).toBe('1001');
        },
      },
      '3. Read the receipt': {
        async after() {
          const isSettled =
            "select datcollversion = pg_database_collation_actual_version(oid) from pg_database where datname = 'app'";
          expect(await project.sql(isSettled)).toBe('t');
        },
      },
      '4. Let people in': {
        after: async () =>
          expect(await project.sql("select rolpassword like 'SCRAM%' from pg_authid where rolname = 'postgres'")).toBe(
            't',
          ),
      },
    },
  };
}
