import { expect } from 'vitest';
import { writeProject } from '../compose-project.ts';
import { until } from '../run.ts';
import { createBucket, emptyBucket } from '../s3.ts';
import { answersSoon } from '../server-answers.ts';
import { startSource } from '../source-cluster.ts';
import { openSession } from './session.ts';
import { KEYS } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** A primary that archives, and a service that is to become its standby. */
export async function standby(): Promise<Situation> {
  const bucket = await createBucket();
  const source = await startSource({ major: 17, bucket, prefix: 'backups', server: 'shop' });
  await source.sql("create table rows as select 'in the backup' as what");
  await source.barmanBackup();
  await source.sql("insert into rows values ('in the archive')");
  await source.archiveAll();
  // On the host's network, since that is where the source listens; no other server may have its port there.
  const project = writeProject({
    image: 'postgres:17',
    mountAt: '/var/lib/postgresql/data',
    extra: '    network_mode: host\n    command: ["postgres", "-c", "listen_addresses="]',
  });
  const session = openSession(project.folder, project.name);
  const rows = () => project.sql("select string_agg(what, ', ' order by what) from rows");
  const primary = `host=127.0.0.1 user=postgres password=secret port=${await source.sql('show port')}`;
  return {
    session,
    folder: project.folder,
    going: [],
    names: {
      ...KEYS,
      's3://backups/shop': `s3://${bucket}/backups/shop`,
      'host=10.0.0.5 user=replicator password=…': primary,
    },
    async close() {
      session.close();
      await project.down();
      await source.remove();
      await emptyBucket(bucket);
    },
    sections: {
      'Restore a standby': {
        async after([output = '']) {
          expect(output).toMatch(/\| 0\//);
          expect(await rows()).toBe('in the archive, in the backup');
          await source.sql("insert into rows values ('streamed')");
          await until('it streams', async () => (await rows()).includes('streamed'));
        },
      },
      'Follow the archive': {
        goesOnWith: 'following',
        async after() {
          // From here on the archive is all there is.
          await project.sql("alter system set primary_conninfo = ''");
          await project.sql('select pg_reload_conf()');
          await source.sql("insert into rows values ('archived later')");
          await source.archiveAll();
          await until('it has what was archived', async () => (await rows()).includes('archived later'));
        },
      },
      'Make it the primary': {
        async after(outputs) {
          expect(outputs.at(-1)).toMatch(/\bf\b/);
          expect(await answersSoon(`${project.name}-db-1`)).toBe(false);
          await project.sql("insert into rows values ('on the new primary')");
        },
      },
    },
  };
}
