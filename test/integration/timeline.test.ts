import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odoReceipt } from './parts/odo.ts';
import { createBucket, emptyBucket, listKeys } from './parts/s3.ts';
import { startSource } from './parts/source-cluster.ts';

const ROWS = "select string_agg(what, ', ' order by id) from steps";

/** An archive in which the cluster was promoted after the backup: its rows lie on two timelines, and the copy must go on on a third. */
describe('a change of timeline after the backup', () => {
  let bucket: string;
  let project: ComposeProject;

  beforeAll(async () => {
    bucket = await createBucket();
    const source = await startSource({ major: 17, bucket, prefix: 'backups', server: 'shop' });
    try {
      await source.sql('create table steps (id serial, what text)');
      await source.sql("insert into steps (what) values ('before the backup')");
      await source.barmanBackup();
      await source.sql("insert into steps (what) values ('after the backup')");
      await source.archiveAll();
      await source.sql("insert into steps (what) values ('in the segment of the branch')");
      await source.promote();
      await source.sql("insert into steps (what) values ('on timeline 2')");
      await source.archiveAll();
      await source.sql("insert into steps (what) values ('later on timeline 2')");
      await source.archiveAll();
    } finally {
      await source.remove();
    }
    project = writeProject({ image: 'postgres:17', mountAt: '/var/lib/postgresql/data' });
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  it('is followed to its end, past the partial segment of the old timeline', async () => {
    const names = (await listKeys(bucket, 'backups/shop/wals/')).map((key) => key.slice(key.lastIndexOf('/') + 1));
    expect(names).toContain('00000002.history.gz');
    expect(names.filter((name) => /^00000001.*\.partial\.gz$/.test(name))).toHaveLength(1);

    const receipt = await odoReceipt(['-u', `s3://${bucket}/backups`, '-v', 'db', '-n', 'db', '-f', project.file]);
    expect(await project.sql(ROWS)).toBe(
      'before the backup, after the backup, in the segment of the branch, on timeline 2, later on timeline 2',
    );
    expect(receipt.reached.timeline).toBe(3);
    expect(await project.sql('checkpoint; select timeline_id from pg_control_checkpoint()')).toBe('3');
    expect(await project.inVolume('cat /v/pg_wal/00000003.history')).toMatch(/^1\t.*\n+2\t/);
  });
});
