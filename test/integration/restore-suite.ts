import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OdoEvent, Progress } from '../../src/events.ts';
import { parseLsn } from '../../src/postgres/terms/wal-names.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, run, until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { answersSoon } from './parts/server-answers.ts';
import { type Major, type SourceCluster, startSource } from './parts/source-cluster.ts';

export interface SuiteOptions {
  major: Major;
  /** Where the image wants its volume. */
  mountAt: string;
  /** PGDATA, relative to the volume's root. */
  pgdataInVolume: string;
  /**
   * Where a set of pg_basebackup goes; the archive goes to the other one, and into the service. Without it, the archive
   * goes into the service alone, which shows what differs between versions.
   */
  setGoesTo?: 'a temporary server' | 'a new volume';
  /** The original gets more connections after its backup, which ends a server of this version in its recovery. */
  diesOfMoreConnections?: true;
}

const DIGEST = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t";

const KEEP_OLD_DATA =
  'mkdir -p "$PGDATA/.odo/previous/global" && cd "$PGDATA/.odo" && echo "{}" >journal.json && ' +
  'cp ../PG_VERSION ../postgresql.conf previous && cp ../global/pg_control previous/global';

/**
 * Restores what real tools made of a real server into a real compose service, in both formats, to every destination.
 */
export function describeRestores(options: SuiteOptions): void {
  const { major, mountAt, pgdataInVolume, setGoesTo, diesOfMoreConnections } = options;
  describe(`PostgreSQL ${major}`, () => {
    let bucket: string;
    let source: SourceCluster;
    let project: ComposeProject;
    let atBaseBackup: string;
    let atTheEnd: string;
    let appBefore: string;

    beforeAll(async () => {
      bucket = await createBucket();
      source = await startSource({ major, bucket, prefix: 'backups', server: 'shop' });
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 20000) n');
      // As a backup holds it that was taken of a restored server, while the old data was still kept.
      if (setGoesTo) await source.exec(['sh', '-c', KEEP_OLD_DATA]);
      await source.barmanBackup();
      if (diesOfMoreConnections) await giveConnections(150);
      await source.sql("insert into things select n, 'after barman' from generate_series(20001, 20500) n");
      await source.sql("select pg_create_restore_point('before the last')");
      if (setGoesTo) await source.baseBackup('sets/20251024T022608');
      atBaseBackup = await source.sql(DIGEST);
      await source.sql("insert into things select n, 'at last' from generate_series(20501, 21000) n");
      await source.sql('delete from things where id % 7 = 0');
      await source.archiveAll();
      atTheEnd = await source.sql(DIGEST);
      await source.remove();
      project = writeProject({ image: `postgres:${major}`, mountAt });
      await project.up();
      await project.sql('create table old_data as select 1 as id');
      appBefore = await project.identity('app');
    });

    afterAll(async () => {
      await source?.remove();
      await project?.down();
      if (bucket) await emptyBucket(bucket);
    });

    async function giveConnections(count: number): Promise<void> {
      await source.sql(`alter system set max_connections = ${count}`);
      await mustRun('docker', ['restart', '-t', '60', source.container]);
      await until('the source answers', () => answersSoon(source.container));
    }

    async function restore(url: string, ...more: string[]) {
      const keys = ['-a', 'testkey', '-s', 'testsecret123', '-r', 'us-east-1'];
      const { code, stdout, stderr } = await odo([
        ...keys,
        '-u',
        url,
        '-v',
        'db',
        '-n',
        'db',
        '-f',
        project.file,
        '--allow-different-cluster',
        ...more,
        '--json',
      ]);
      expect(code, stderr).toBe(0);
      const lines = stderr.trimEnd().split('\n');
      const events = lines.map((line) => JSON.parse(line) as OdoEvent);
      return { receipt: JSON.parse(stdout), events };
    }

    /** The way of the replay, as it was told last, against where it ended. */
    function expectReplayTold(events: OdoEvent[], reached: { lsn: string }): void {
      const told = events.filter((event) => event.type === 'progress' && event.phase === 'recover');
      expect(told.length).toBeGreaterThan(0);
      const { replayLsn, endLsn = '', replayBytes = 0, lagBytes, lagSegments } = told.at(-1) as Progress;
      expect(replayLsn).toBe(reached.lsn);
      expect(lagBytes).toBe(Math.max(0, Number(parseLsn(endLsn) - parseLsn(reached.lsn))));
      expect(lagBytes).toBeLessThan(replayBytes);
      expect(lagSegments).toBeLessThanOrEqual(1);
    }

    async function expectSound(): Promise<void> {
      expect(await project.sql('select pg_is_in_recovery()')).toBe('f');
      await project.sql("insert into things values (1000000, 'written after the restore')");
      expect(await project.sql('select count(*) from things where id = 1000000')).toBe('1');
      expect(await project.sql("select to_regclass('old_data') is null")).toBe('t');
      expect(await project.inVolume(`stat -c '%u:%g %a' /v/${pgdataInVolume}`)).toBe('999:999 700');
      expect(await project.inVolume('find /v ! -user 999 -o ! -group 999')).toBe('');
      expect(await project.inVolume(`find /v -name .odo; ls /v/${pgdataInVolume} | grep signal || true`)).toBe('');
      expect(await project.inVolume(`cat /v/${pgdataInVolume}/postgresql.auto.conf`)).not.toContain('restore_command');
      expect(await mustRun('docker', ['ps', '-aq', '--filter', `name=odo-restore-${project.volume}`])).toBe('');
      expect(await project.identity('app')).toBe(appBefore);
    }

    it('brings every archived row back from barman, and takes no WAL of the other cluster that was there', async () => {
      const { receipt, events } = await restore(
        `s3://${bucket}/backups/shop`,
        '--verify',
        setGoesTo ? 'stream' : 'full',
      );
      expect(await project.sql(DIGEST)).toBe(atTheEnd);
      await expectSound();
      expect(receipt).toMatchObject({
        kind: 'receipt',
        service: 'db',
        volume: project.volume,
        reached: { timeline: 2 },
      });
      expect(receipt.salvage).toBeUndefined();
      expectReplayTold(events, receipt.reached);
      expect(await project.sql('show archive_mode')).toBe('off');
      if (diesOfMoreConnections) {
        expect(JSON.stringify(events)).toMatch(/"warning","message":"[^"]*max_connections from 100 to 150/);
        const { stderr: log } = await run('docker', ['logs', await project.containerId('db')]);
        expect(log).toMatch(/FATAL: +hot standby is not possible because max_connections = 100/);
      }
    });

    const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];

    // The versions whose own suite of moments goes on from here have no need of it.
    if (!setGoesTo) {
      it('finds a moment in the WAL of this version', async () => {
        const url = `s3://${bucket}/backups/shop`;
        const dryRun = ['-u', url, ...names(), '--dry-run', '--allow-different-cluster', '--json'];
        const { code, stderr } = await odo([...dryRun, '--target-name', 'before the last']);
        expect(code, stderr).toBe(0);
        const lines = stderr.trimEnd().split('\n');
        const proofs = lines.map((line) => JSON.parse(line) as OdoEvent).filter((event) => event.type === 'proof');
        expect(proofs.find(({ name }) => name === 'moment')).toMatchObject({ state: 'held' });
        const missing = await odo([...dryRun, '--target-name', 'never made']);
        expect(missing.stderr).toContain('never made');
        expect(missing.code).not.toBe(0);
      });
      return;
    }

    /** The rows that were taken along, and the URL of what took them. */
    function takenBy(destination: typeof setGoesTo): { url: string; digest: string; format: string } {
      return destination === setGoesTo
        ? { url: `s3://${bucket}/sets`, digest: atBaseBackup, format: 'basebackup' }
        : { url: `s3://${bucket}/backups/shop`, digest: atTheEnd, format: 'barman' };
    }

    const isOfSet = (destination: typeof setGoesTo) =>
      destination === setGoesTo ? 'a pg_basebackup set' : 'a barman repository';

    it(`brings the rows of ${isOfSet('a temporary server')} to a temporary server`, async () => {
      const { url, digest, format } = takenBy('a temporary server');
      const before = await project.sql('select count(*) from things');
      const { temporary, backup } = await odoReceipt(['-u', url, ...names(), '--temporary']);
      expect(backup).toMatchObject({ format, postgresMajor: major });
      try {
        expect(await mustRun('docker', ['exec', temporary.name, 'psql', '-XAtq', '-U', 'postgres', '-c', DIGEST])).toBe(
          digest,
        );
        const find = 'find "$PGDATA" -name .odo';
        expect(await mustRun('docker', ['exec', temporary.name, 'sh', '-c', find])).toBe('');
      } finally {
        expect((await odo(['temporary', 'stop', temporary.name])).code).toBe(0);
      }
      expect(await project.sql('select count(*) from things')).toBe(before);
    });

    it(`brings the rows of ${isOfSet('a new volume')} to a new volume; the service goes there and back`, async () => {
      const { url, digest, format } = takenBy('a new volume');
      const before = await project.sql('select count(*) from things');
      const volume = `${project.name}-new`;
      try {
        const { backup } = await odoReceipt(['-u', url, ...names(), '-V', volume, '--switch']);
        expect(backup).toMatchObject({ format, postgresMajor: major });
        expect(await project.sql(DIGEST)).toBe(digest);
        const { code, stderr } = await odo(['rollback', ...names(), '--yes']);
        expect(code, stderr).toBe(0);
        expect(await project.sql('select count(*) from things')).toBe(before);
      } finally {
        await run('docker', ['volume', 'rm', '-f', volume]);
      }
    });
  });
}
