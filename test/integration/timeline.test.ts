import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { mustExecIn } from './parts/in-container.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { until } from './parts/run.ts';
import { createBucket, deleteObjects, emptyBucket, listKeys, putObject, readObject } from './parts/s3.ts';
import { startSource } from './parts/source-cluster.ts';

const ROWS = "select string_agg(what, ', ' order by id) from steps";

/**
 * An archive in which the cluster was promoted after the backup: its rows lie on two timelines, and the copy must go on
 * on a third.
 */
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

  const ODO = () => ['-u', `s3://${bucket}/backups`, '-v', 'db', '-n', 'db', '-f', project.file];
  const key = (name: string) =>
    `backups/shop/wals/${name.endsWith('history') ? '' : `${name.slice(0, 16)}/`}${name}.gz`;
  const failure = async (...args: string[]) => {
    const { code, stderr } = await odo([...ODO(), '--yes', ...args]);
    return { code, stderr };
  };

  /** What becomes of a packed history: it is cut off in its middle, or empty. */
  const DAMAGED = [(packed: Buffer) => packed.subarray(0, packed.length / 2), () => gzipSync(Buffer.alloc(0))] as const;

  /**
   * Turns archiving on, as the receipt says, into a folder of the container; then puts what was archived there into the
   * bucket.
   */
  async function archive(work: () => Promise<unknown>): Promise<string[]> {
    const inDb = (script: string) => mustExecIn(`${project.name}-db-1`, ['sh', '-c', script], { user: 'postgres' });
    await project.sql(
      "alter system set archive_command = 'mkdir -p /tmp/archived && gzip -c %p > /tmp/archived/%f.gz'",
    );
    await project.sql('alter system set archive_mode = on');
    await project.compose('restart', '-t', '30', 'db');
    await project.up();
    expect(await project.sql('show archive_mode')).toBe('on');
    await work();
    const last = await project.sql('select pg_walfile_name(pg_switch_wal())');
    await until(`${last} is archived`, async () => (await inDb('ls /tmp/archived')).includes(last));
    const names = (await inDb('ls /tmp/archived')).split('\n').map((name) => name.replace(/\.gz$/, ''));
    for (const name of names) {
      await putObject(bucket, key(name), Buffer.from(await inDb(`base64 /tmp/archived/${name}.gz`), 'base64'));
    }
    return names;
  }

  it('goes on in the archive when the restored server archives: the next restore has its rows', async () => {
    // Of timelines that nobody needs, as uploads that were cut leave them.
    const strays = ['backups/shop/wals/00000006.history', key('00000007.history')];
    const names = await archive(() => project.sql("insert into steps (what) values ('after the restore')"));
    expect(names).toContain('00000003.history');

    const [damaged] = DAMAGED;
    await putObject(bucket, strays[0] as string, Buffer.alloc(0));
    await putObject(bucket, strays[1] as string, damaged(await readObject(bucket, key('00000003.history'))));
    const { code, stdout, stderr } = await odo([...ODO(), '--yes', '--json']);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /passed over: 00000006\.history names no timeline.*passed over: [^;]*00000007\.history\.gz /,
    );
    const receipt = JSON.parse(stdout);
    expect(await project.sql(ROWS)).toMatch(/later on timeline 2, after the restore$/);
    // What these numbers stand for nobody knows: the server takes none of them.
    expect(receipt.reached.timeline).toBe(8);
    expect(receipt.notes.join('\n')).toMatch(
      /ALTER SYSTEM SET archive_mode = on.*\ntake a new base backup once archiving is on/,
    );
    await deleteObjects(bucket, strays);
  });

  it('is refused when a history is lost, and goes on beyond the number of segments that nothing leads to', async () => {
    const history = await readObject(bucket, key('00000003.history'));
    for (const damage of DAMAGED) {
      await putObject(bucket, key('00000003.history'), damage(history));
      const { code, stderr } = await failure();
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/nothing tells where it branched off: .*00000003\.history/),
      ]);
    }
    await deleteObjects(bucket, [key('00000003.history')]);
    const { code, stderr } = await failure();
    expect(code).toBe(2);
    expect(stderr).toMatch(/segments? of timeline 3 .*there is no 00000003.history/s);
    const { stdout } = await odo(['list', '-u', `s3://${bucket}/backups`]);
    expect(stdout).toMatch(/of timeline 3 .*nothing tells where it branched off/);

    // What the old data has of timeline 3 nothing in the archive accounts for, as long as that history is lost.
    const receipt = await odoReceipt([...ODO(), '--yes', '--target-timeline', '2', '--accept-loss']);
    expect(await project.sql(ROWS)).toMatch(/later on timeline 2$/);
    expect(receipt.reached.timeline).toBe(4);
    expect(await project.inVolume('cat /v/pg_wal/00000004.history')).toMatch(/^1\t.*\n+2\t[^\n]*\n*$/);
    await putObject(bucket, key('00000003.history'), history);
  });

  it('is refused with both ends when a trial copy has left a newer timeline, and the other went on', async () => {
    // As if a copy had been restored to a point before the rows of timeline 3, promoted, and archived nothing but its
    // history.
    const tried = gunzipSync(await readObject(bucket, key('00000003.history')));
    await putObject(bucket, key('00000004.history'), gzipSync(tried));
    const { code, stderr } = await failure();
    expect(code).toBe(2);
    expect(stderr).toMatch(/two ends: timeline 3 has commits from .* where timeline 4 left it, without any commit/s);
    expect(stderr).toMatch(/--target-timeline 3 restores its end/);

    // The old data's own timeline 4 is another one than the archive's.
    const receipt = await odoReceipt([...ODO(), '--yes', '--target-timeline', '3', '--accept-loss']);
    expect(await project.sql(ROWS)).toMatch(/after the restore$/);
    expect(receipt.reached.timeline).toBe(5);
  });

  it('ends before a hole on the old timeline, and the new one descends from that alone', async () => {
    const segments = (await listKeys(bucket, 'backups/shop/wals/')).filter((each) => /[0-9A-F]{24}\.gz$/.test(each));
    const lost = segments.findLast((each) => each.includes('/00000001')) as string;
    await deleteObjects(bucket, [lost]);
    const { code, stdout, stderr } = await odo([...ODO(), '--yes', '--accept-loss', '--json']);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`the archive lacks ${lost.slice(-27, -3)}`);
    expect(await project.sql(ROWS)).toBe('before the backup, after the backup');
    expect(JSON.parse(stdout).reached.timeline).toBe(5);
    expect(await project.inVolume('cat /v/pg_wal/00000005.history')).toMatch(/^1\t[^\n]*\n*$/);
  });
});
