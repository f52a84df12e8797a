import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextSegmentName } from '../../src/postgres/terms/wal-names.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { copyObjects } from './parts/ready-repository.ts';
import { mustRun, until } from './parts/run.ts';
import { createBucket, emptyBucket, listKeys, putObject } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

const PGDATA = '/var/lib/postgresql/data';
const ROWS = "select count(*) || ' ' || max(id) from steps";

/** Overwrites the end of the last commit's record on the volume at /v. */
const TEAR_LAST_COMMIT = `
set -e
cd /v/pg_wal
last=$(ls | grep -E '^[0-9A-F]{24}$' | tail -n 1)
export PATH=$PATH:/usr/lib/postgresql/17/bin
record=$(pg_waldump -p . "$last" 2>/dev/null | grep 'desc: COMMIT' | tail -n 1)
lsn=$(echo "$record" | sed -E 's/.* lsn: ([0-9A-F]+\\/[0-9A-F]+),.*/\\1/')
length=$(echo "$record" | sed -E 's|.* len \\(rec/tot\\): +[0-9]+/ *([0-9]+),.*|\\1|')
low=$((0x\${lsn#*/}))
printf TORN | dd of="$last" bs=1 seek=$((low % 16777216 + length - 4)) conv=notrunc status=none
`;

/**
 * A server whose archiving had failed for three segments when it was killed: its own disk has what the archive lacks.
 */
describe('old data that is the only copy', () => {
  let bucket: string;
  let source: SourceCluster;
  let project: ComposeProject;
  /** The segment that is missing in the middle of `holed`. */
  let missing: string;

  beforeAll(async () => {
    bucket = await createBucket();
    source = await startSource({
      major: 17,
      bucket,
      prefix: 'backups',
      server: 'shop',
      // Its commits would be counted as well.
      settings: { autovacuum: 'off' },
    });
    await source.sql('create table steps (id serial, what text)');
    await source.barmanBackup();
    await source.baseBackup('alone/shop', ['-Ft', '-z', '-X', 'stream']);
    await source.sql("insert into steps (what) select 'archived' from generate_series(1, 100)");
    await source.archiveAll();
    await source.sql("alter system set archive_command = 'false'");
    await source.sql('select pg_reload_conf()');
    for (let segment = 0; segment < 3; segment++) {
      await source.sql("insert into steps (what) values ('not archived')");
      await source.sql('select pg_switch_wal()');
    }
    await source.sql("insert into steps (what) values ('in the last segment')");
    await mustRun('docker', ['kill', source.container]);
    project = writeProject({ image: 'postgres:17', mountAt: PGDATA });
    await project.compose('up', '--no-start');
  });

  afterAll(async () => {
    await project?.down();
    await source?.remove();
    if (bucket) await emptyBucket(bucket);
  });

  /** The service has the disk of the killed server. */
  async function giveOldData(): Promise<void> {
    await project.compose('stop', '-t', '5', 'db');
    await project.inVolume('find /v -mindepth 1 -delete');
    const db = `${project.name}-db-1`;
    await mustRun('sh', ['-c', `docker cp -a ${source.container}:${PGDATA}/. - | docker cp -a - ${db}:${PGDATA}`]);
    await project.inVolume('rm -f /v/postmaster.pid');
  }

  /** The segment behind the last one of the archive. */
  async function firstNotArchived(): Promise<string> {
    const keys = await listKeys(bucket, 'backups/shop/wals/');
    const archived = keys.map((key) => /([0-9A-F]{24})(\.\w+)?$/.exec(key)?.[1] ?? '');
    return nextSegmentName(archived.sort().at(-1) ?? '');
  }

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => ['-u', `s3://${bucket}/backups/shop`, ...names(), '--retry-for', '1', ...more];

  /** Copies the archive, and adds later segments of the old data to it, but not the first one that it lacks. */
  async function makeHole(): Promise<void> {
    await copyObjects({ bucket, prefix: 'backups/shop/' }, { bucket, prefix: 'holed/shop/' });
    missing = await firstNotArchived();
    for (const segment of [nextSegmentName(missing), nextSegmentName(nextSegmentName(missing))]) {
      const packed = await project.inVolume(`gzip -1 -c /v/pg_wal/${segment} | base64 -w 0`);
      const key = `holed/shop/wals/${segment.slice(0, 16)}/${segment}.gz`;
      await putObject(bucket, key, Buffer.from(packed, 'base64'));
    }
  }

  const holed = (...more: string[]) => ['-u', `s3://${bucket}/holed/shop`, ...names(), ...more];

  it('gives what it has behind a hole in the archive, so that nothing is lost', async () => {
    await giveOldData();
    await makeHole();
    const { salvage: planned } = JSON.parse((await odo(holed('--dry-run', '--json'))).stdout);
    expect(planned).toMatchObject({ commits: 4 });
    const receipt = await odoReceipt(holed());
    expect(await project.sql(ROWS)).toBe('104 104');
    expect(receipt.salvage).toMatchObject({ commits: 4, segments: 4 });
    expect(receipt.onlyCopy).toBeUndefined();
    expect(receipt.notes.join('\n')).toMatch(/4 commits, the last of \S+, came from the old data's WAL \(4 segments/);
    expect(await project.inVolume('ls -A /v/.odo 2>&1 || true')).toContain('No such file');
  });

  it('gives it also to a restore beside a running service; that alone has it then: kept, --wipe refused', async () => {
    await giveOldData();
    await project.up();
    await project.sql("insert into steps values (105, 'by the service itself')");
    const { salvage } = await odoReceipt(args('--online'));
    expect(salvage.commits).toBeGreaterThanOrEqual(5);
    expect(await project.sql(ROWS)).toBe('105 105');
    // The restored server alone has it now, on a timeline that no archive knows.
    await expectWipeRefused();
    const { onlyCopy } = await odoReceipt(args());
    expect(onlyCopy.because).toContain('farther than the archive goes');
    expect(await project.sql(ROWS)).toBe('100 100');
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql(ROWS)).toBe('105 105');
  });

  async function expectWipeRefused(): Promise<void> {
    const wipe = await odo(args('--wipe', '--yes'));
    expect(wipe.code, wipe.stderr).toBe(24);
    expect(wipe.stderr).toMatch(
      /on timeline 2, of which the archive has nothing .*farther than the archive goes, and --wipe/,
    );
  }

  it('gives it up to a last record that was torn, as the server itself would, also after --wipe', async () => {
    await giveOldData();
    await mustRun('docker', [
      'run',
      '--rm',
      '-v',
      `${project.volume}:/v`,
      'odo-parts/maker:17',
      'sh',
      '-c',
      TEAR_LAST_COMMIT,
    ]);
    const receipt = await odoReceipt(args('--wipe', '--yes'));
    expect(await project.sql(ROWS)).toBe('103 103');
    expect(receipt.salvage).toMatchObject({ commits: 3 });
    expect(await project.inVolume('ls -A /v/.odo 2>&1 || true')).toContain('No such file');
  });

  it.each([
    [
      'a moment',
      () => ['-u', `s3://${bucket}/backups/shop`, '--target', 'immediate'],
      /holds 4 commits, .* where the archive ends/,
    ],
    [
      'a backup without an archive',
      () => ['-u', `s3://${bucket}/alone/shop`],
      /holds [0-9]+ commits.* where the backup ends/,
    ],
  ])('is kept where %s leaves it out, with the reason; --wipe and odo clean are refused', async (_what, asked, why) => {
    await giveOldData();
    const wipe = await odo([...asked(), ...names(), '--wipe', '--yes']);
    expect(wipe.code, wipe.stderr).toBe(24);
    expect(wipe.stderr).toMatch(why);
    const { onlyCopy } = await odoReceipt([...asked(), ...names()]);
    expect(onlyCopy.because).toMatch(why);
    expect(await project.sql('select count(*) from steps')).toBe('0');
    expect((await odo(['clean', ...names()])).code).toBe(24);
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql(ROWS)).toBe('104 104');
  });

  it('is kept for odo promote, too, where a server waits at a moment', async () => {
    await giveOldData();
    await odoReceipt(args('--target', 'immediate', '--target-action', 'pause'));
    const { onlyCopy } = await odoReceipt(['promote', ...names()]);
    expect(onlyCopy.because).toMatch(/holds 4 commits/);
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql(ROWS)).toBe('104 104');
  });

  it('is kept where it, too, lacks what would close a hole in the archive; --wipe is refused', async () => {
    // It has run since the last rollback, and does without that segment, as after it was recycled.
    await odoReceipt(['clean', ...names()]);
    await project.inVolume(`rm /v/pg_wal/${missing}`);
    const why = `holds more than can be read behind .*, where the archive ends \\(its pg_wal has no ${missing}\\)`;
    const wipe = await odo(holed('--wipe', '--yes'));
    expect(wipe.code, wipe.stderr).toBe(24);
    expect(wipe.stderr).toMatch(new RegExp(`${why}, and --wipe would delete it`));
    const { onlyCopy } = await odoReceipt(holed());
    expect(onlyCopy.because).toMatch(new RegExp(`${why}$`));
    expect(await project.sql(ROWS)).toBe('100 100');
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql(ROWS)).toBe('104 104');
  });

  it('is not taken from another cluster, although its WAL goes on under the names where the archive ends', async () => {
    await project.compose('stop', '-t', '5', 'db');
    await project.inVolume('find /v -mindepth 1 -delete');
    await project.up();
    await project.sql('create table steps (id serial)');
    const beyond = await firstNotArchived();
    await until('its WAL is beyond the archive', async () => {
      await project.sql('insert into steps values (1000); select pg_switch_wal()');
      return (await project.sql('select pg_walfile_name(pg_current_wal_lsn())')) > beyond;
    });
    await project.sql('insert into steps values (1001)');
    expect(await project.inVolume('ls /v/pg_wal')).toContain(beyond);
    const receipt = await odoReceipt(args('--allow-different-cluster'));
    expect(await project.sql(ROWS)).toBe('100 100');
    expect(receipt.salvage).toBeUndefined();
  });

  it('is not taken along another timeline, and kept; --wipe is refused', async () => {
    await giveOldData();
    await project.inVolume('touch /v/standby.signal && chown 999:999 /v/standby.signal');
    await project.up();
    await until('the old server is promoted', async () => (await project.sql('select pg_promote()')) === 't');
    await project.sql("insert into steps values (200, 'on the second timeline'); checkpoint");
    await expectWipeRefused();
    const receipt = await odoReceipt(args());
    expect(await project.sql(ROWS)).toBe('100 100');
    expect(receipt.salvage).toBeUndefined();
    expect(receipt.onlyCopy).toMatchObject({
      because: expect.stringMatching(/timeline 2.*farther than the archive goes/),
    });
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql('select count(*), max(id) from steps')).toBe('105|200');
    await odoReceipt(['clean', ...names()]);
  });

  it('is not deleted: --wipe is refused, and it is kept after the restore, with the reason', async () => {
    await giveOldData();
    const { code, stderr } = await odo(args('--wipe', '--yes', '--no-salvage'));
    expect(code, stderr).toBe(24);
    expect(stderr).toMatch(/the old data holds 4 commits, the last of \S+, behind .*and --wipe would delete it/);
    expect(stderr).toContain('--accept-loss');

    const plan = JSON.parse((await odo(args('--no-salvage', '--dry-run', '--json'))).stdout);
    expect(plan.onlyCopy).toMatchObject({ commits: 4 });

    const receipt = await odoReceipt(args('--no-salvage'));
    expect(await project.sql(ROWS)).toBe('100 100');
    expect(receipt.onlyCopy).toMatchObject({
      commits: 4,
      because: expect.stringContaining('the old data holds 4 commits'),
    });
    expect(receipt.notes.join('\n')).toMatch(
      /the old data is kept, since it is the only copy.*odo rollback .*odo clean/,
    );
    expect(await project.inVolume('ls /v/.odo/previous/global/pg_control')).toContain('pg_control');

    const { keptBecause, advice } = await odoReceipt(['status', ...names()]);
    expect([keptBecause, advice]).toEqual([receipt.onlyCopy.because, expect.stringContaining('--accept-loss')]);
    const again = await odo(args());
    expect(again.code, again.stderr).toBe(24);
    expect(again.stderr).toContain('the old data holds 4 commits');
    const cleaning = await odo(['clean', ...names()]);
    expect(cleaning.code, cleaning.stderr).toBe(24);
    expect(cleaning.stderr).toContain('the old data holds 4 commits');
    // As a run leaves it that is broken off before its end: the clean-up looks for itself.
    await project.inVolume("sed -i 's/isOldDataJudged/unheard/; s/keptBecause/unsaid/' /v/.odo/journal.json");
    const unjudged = await odo(['clean', ...names()]);
    expect(unjudged.code, unjudged.stderr).toBe(24);
    expect(unjudged.stderr).toContain('the old data holds 4 commits');
    const { found } = await odoReceipt(['clean', ...names(), '--accept-loss']);
    expect(found).toBe(true);
    expect(await project.inVolume('ls -A /v/.odo 2>&1 || true')).toContain('No such file');
  });

  it('is kept where the archive went another way on the same timeline, with nothing behind its end', async () => {
    await giveOldData();
    await project.up();
    await project.sql("insert into steps values (300, 'here')");
    await mustRun('docker', ['start', source.container]);
    await until('the killed server answers again', async () => (await source.sql('select 1').catch(() => '')) === '1');
    await source.archiveFast(() => source.sql("insert into steps values (400, 'there')"));
    const receipt = await odoReceipt(args());
    expect(await project.sql('select max(id) from steps')).toBe('400');
    expect(receipt.onlyCopy).toMatchObject({
      hasDiverged: true,
      because: expect.stringContaining('has gone another way'),
    });
    const { code, stderr } = await odo(['clean', ...names()]);
    expect(code, stderr).toBe(24);
    await odoReceipt(['rollback', ...names(), '--yes']);
    expect(await project.sql('select max(id) from steps')).toBe('300');
  });
});
