import { expect } from 'vitest';
import { writeProject } from '../compose-project.ts';
import { startDebianCluster } from '../debian-cluster.ts';
import { createBucket, emptyBucket } from '../s3.ts';
import { openSession } from './session.ts';
import { KEYS } from './shop-service.ts';
import type { Situation } from './situation.ts';

/** The backup of a server of Debian's packages with a tablespace, and an empty folder. */
export async function debianHost(): Promise<Situation> {
  const bucket = await createBucket();
  const source = await startDebianCluster();
  try {
    await source.shell('mkdir /var/lib/postgresql/fast');
    await source.sql("create tablespace fast location '/var/lib/postgresql/fast'");
    await source.sql('create table orders tablespace fast as select generate_series(1, 1000) as id');
    await source.barmanBackup(bucket, 'backups');
  } finally {
    await source.remove();
  }
  // Its compose file is written anew by the guide.
  const project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
  const session = openSession(project.folder, project.name);
  return {
    session,
    folder: project.folder,
    going: [],
    names: { ...KEYS, 's3://backups/shop': `s3://${bucket}/backups/shop` },
    async close() {
      session.close();
      await project.down();
      await emptyBucket(bucket);
    },
    sections: {
      '1. A service with room for the tablespaces': {
        after: async ([shown = '']) => expect(shown).toMatch(/fast.*\/var\/lib\/postgresql\/fast/),
      },
      '2. The configuration that the backup lacks': {},
      '3. Restore': {
        async after([told = '']) {
          expect(told).toMatch(/data_directory = .* was taken out of the configuration/);
          expect(await project.sql('select count(*) from orders')).toBe('1000');
          expect(await project.sql('show work_mem')).toBe('16MB');
        },
      },
      '4. See that it is right': {
        async after([shown = '']) {
          expect(shown).toMatch(/fast +\| +postgres +\| +\/tablespaces\/fast/);
          expect(shown).toMatch(/^ \*$/m);
        },
      },
    },
  };
}
