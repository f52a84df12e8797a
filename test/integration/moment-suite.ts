import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EDGES, iso, PAUSES, REFUSALS, type Tried, type Version } from './moment-cases.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type DirectoryServers, startDirectoryServers } from './parts/directory-server.ts';
import { type Moments, makeMoments, RESTORE_POINT, shiftTime } from './parts/moments.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, until } from './parts/run.ts';
import { emptyBucket } from './parts/s3.ts';
import { rememberService } from './parts/service-before.ts';

const ROWS = "select coalesce(string_agg(what, ' ' order by id), 'nothing') from steps";

const RAN_OUT_OF_WAL =
  /recovery came to the end of the WAL before LSN .* was reached: the last transaction that was replayed is of 20/;

/**
 * Restores one archive to many moments: every kind of target into directories, and what a service has to do with it
 * into one. What does not depend on the version is tried on one of them.
 */
export function momentSuite(major: Version, mountAt: string): void {
  const isTried = ({ on }: Tried) => on.includes(major);

  describe(`a moment of PostgreSQL ${major}`, () => {
    let moments: Moments;
    let project: ComposeProject;
    let dataDirectory: string;

    beforeAll(async () => {
      moments = await makeMoments(major);
      project = writeProject({ image: `postgres:${major}`, mountAt });
      await project.up();
      dataDirectory = await project.sql('show data_directory');
    }, 900_000);

    afterAll(async () => {
      await project?.down();
      if (moments) await emptyBucket(moments.bucket);
    });

    const service = () => ['-v', 'db', '-n', 'db', '-f', project.file];
    const receive = (...args: string[]) => odoReceipt(['-u', moments.url, ...service(), '--no-sync', ...args]);
    // What the server has committed since the last of these restores is nothing that anybody misses.
    const restore = (...target: string[]) => receive('--allow-different-cluster', '--accept-loss', ...target);

    /**
     * No timeline of the archive is taken, whose newest one leads on; and nothing of a target is left for the next
     * start.
     */
    async function expectPromoted(receipt: { reached: { timeline: number } }): Promise<void> {
      expect(receipt.reached.timeline).toBe(3);
      expect(await project.sql('select pg_is_in_recovery()')).toBe('f');
      expect(await project.inVolume(`cat ${dataDirectory.replace(mountAt, '/v')}/postgresql.auto.conf`)).not.toContain(
        'recovery_target',
      );
    }

    const autoConf = () => project.sql("select pg_read_file('postgresql.auto.conf')");

    /**
     * The server waits, or is to wait, behind `two`; `odo promote` makes it one that works, and leaves nothing to
     * promote.
     */
    async function expectTaken(): Promise<void> {
      const { code, stdout, stderr } = await odo(['promote', ...service(), '--json']);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const { two } = moments.steps;
      expect(JSON.parse(stdout)).toMatchObject({
        kind: 'promotion',
        reached: { timeline: 3, lastCommitTime: iso(two.time) },
        notes: expect.not.arrayContaining([expect.stringContaining('still sets')]),
      });
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('f|zero one two');
      expect(await autoConf()).not.toMatch(/recovery_target|restore_command|lc_messages|>>> odo/);
      expect(await project.inVolume('ls -d /v/.odo 2>/dev/null || echo gone')).toBe('gone');
      expect(await odo(['promote', ...service()])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no restore has left'),
      });
    }

    if (major === 15) {
      it('in time is the state after the last commit up to it, from the newest backup before it', async () => {
        const { two, accident } = moments.steps;
        const receipt = await restore('--target-time', shiftTime(accident.time, -1));
        expect(await project.sql(ROWS)).toBe('zero one two');
        expect(receipt).toMatchObject({
          backup: { id: moments.older },
          moment: { asked: { target: { kind: 'time', time: iso(shiftTime(accident.time, -1)) } }, outcome: 'promoted' },
          reached: { lastCommitTime: iso(two.time) },
        });
        expect(receipt.moment.stop.time).toBe(iso(accident.time));
        await expectPromoted(receipt);
      });
    } else if (major === 17) {
      it('behind a change of timeline is reached along both', async () => {
        const { four, five } = moments.steps;
        const receipt = await restore('--target-time', iso(shiftTime(five.time, -1)));
        expect(await project.sql(ROWS)).toBe('accident three four');
        expect(receipt).toMatchObject({ backup: { id: moments.newer }, reached: { lastCommitTime: iso(four.time) } });
        await expectPromoted(receipt);
      });
    } else {
      it('by a restore point is found in the archive, and so is the backup before it', async () => {
        const receipt = await restore('--target-name', RESTORE_POINT);
        expect(await project.sql(ROWS)).toBe('zero one two');
        expect(receipt).toMatchObject({
          backup: { id: moments.older },
          moment: { words: `restore point ${RESTORE_POINT}`, outcome: 'promoted' },
        });
        await expectPromoted(receipt);
      });
    }

    it('is in the window that odo list tells, along both timelines', async () => {
      const { code, stdout, stderr } = await odo(['list', '-u', moments.url, '--json']);
      expect(code, stderr).toBe(0);
      const [{ wal, backups }] = JSON.parse(stdout).repositories;
      const usable = backups.filter((backup: { usable: boolean }) => backup.usable);
      expect(usable.map(({ id, timeline }: { id: string; timeline: number }) => [id, timeline])).toEqual([
        [moments.older, 1],
        [moments.newer, 1],
      ]);
      const lsn = expect.stringMatching(/^0\/[0-9A-F]+$/);
      expect(wal.timelines).toMatchObject([
        { timeline: 1, holes: [], stretches: [{ backupId: moments.older, fromLsn: usable[0].endLsn, toLsn: lsn }] },
        {
          timeline: 2,
          holes: [],
          branch: { timeline: 1, switchLsn: lsn },
          stretches: [{ fromLsn: wal.timelines[1].branch.switchLsn }],
        },
      ]);
    });

    it.each(PAUSES.filter(isTried))(
      'is waited at with pause, looked at, set by ALTER SYSTEM, and taken by odo promote: $what',
      async (pause) => {
        const { two } = moments.steps;
        const [option, value] = pause.target(moments);
        const receipt = await restore(option, value, '--target-action', 'pause');
        expect(receipt).toMatchObject({
          moment: { outcome: 'paused' },
          reached: { timeline: 1, lastCommitTime: iso(two.time) },
        });
        expect(receipt.notes.join('\n')).toContain(`odo promote -v db -n db -f ${project.file}`);
        expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('t|zero one two');
        const status = await odo(['status', ...service(), '--json']);
        const waitsAt = pause.waitsAt(value);
        expect(JSON.parse(status.stdout)).toMatchObject({ state: 'swapped', recovered: false, waitsAt });
        // It writes the file anew, without the lines that ODO's settings stand between.
        await project.sql("alter system set work_mem = '5MB'");
        expect(await autoConf()).toMatch(/^(?!.*>>> odo).*recovery_target_(xid|name) = /s);
        await expectTaken();
        expect(await autoConf()).toMatch(/^work_mem = '5MB'$/m);
      },
    );

    describe('that no backup or WAL leads to is refused before anything is touched, with what can be reached', () => {
      it.each(REFUSALS.filter(isTried))('$what', async ({ target, code = 15, words, ofService }) => {
        const before = ofService ? await rememberService(project, 'db', project.volume, dataDirectory) : undefined;
        const into = ofService ? service() : ['--into', path.join(project.folder, 'nowhere')];
        const outcome = await odo(['-u', moments.url, ...into, ...target(moments)]);
        expect(outcome).toMatchObject({ code, stderr: expect.stringMatching(words(moments)) });
        await before?.expectAsBefore({ restarted: false });
        expect(fs.readdirSync(project.folder)).toEqual(['compose.yaml']);
      });
    });

    describe('in a directory', () => {
      let servers: DirectoryServers;
      let folder: string;
      let restores = 0;

      beforeAll(async () => {
        folder = fs.mkdtempSync('/tmp/odo-moments-');
        fs.chmodSync(folder, 0o755);
        servers = await startDirectoryServers(major, folder);
      });

      afterAll(async () => {
        await servers?.remove();
        if (folder) fs.rmSync(folder, { recursive: true });
      });

      it.concurrent.each(EDGES.filter(isTried))('$what', async ({ target, rows }) => {
        const directory = path.join(folder, String(++restores));
        await odoReceipt(['-u', moments.url, '--into', directory, '--no-sync', ...target(moments)]);
        expect(await servers.askPromoted(directory, ROWS)).toBe(rows);
      });
    });

    if (major !== 15) return;

    it('is shut down at with shutdown, comes up there again, and is taken by odo promote', async () => {
      const { accident } = moments.steps;
      const target = ['--target-time', shiftTime(accident.time, -1), '--target-action', 'shutdown'];
      const receipt = await restore(...target);
      expect(receipt).toMatchObject({ moment: { outcome: 'shut down' } });
      expect(await project.compose('ps', '-q', 'db')).toBe('');
      await expectTaken();
    });

    it('that was waited at can be given up for a pg_basebackup set, its end alone, and for the old data', async () => {
      await project.sql("insert into steps (what) values ('of the old data')");
      await restore('--target-name', RESTORE_POINT, '--target-action', 'pause');
      const set = ['-u', moments.setUrl, ...service(), '--no-sync', '--allow-different-cluster'];
      const refused = await odo([...set, '--target-time', moments.steps.one.time]);
      expect(refused).toMatchObject({ code: 15, stderr: expect.stringContaining('bring their own WAL') });
      await odoReceipt([...set, '--target', 'immediate', '--target-action', 'pause']);
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('t|zero');
      expect(await odo(['rollback', ...service()])).toMatchObject({ code: 0 });
      await project.up();
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('f|zero one two of the old data');
    });

    it('that was waited at and then ended by hand is only cleaned up after', async () => {
      await restore('--target-name', RESTORE_POINT, '--target-action', 'pause', '--keep-previous');
      await project.sql('select pg_wal_replay_resume()');
      await until('recovery has ended', async () => (await project.sql('select pg_is_in_recovery()')) === 'f');
      expect(await odo(['promote', ...service()])).toMatchObject({ code: 0 });
      expect(await project.inVolume('ls /v/.odo')).toContain('previous');
      expect(await odo(['rollback', ...service(), '--yes'])).toMatchObject({ code: 0 });
      await project.up();
      expect(await project.sql(ROWS)).toBe('zero one two of the old data');
      expect(await odo(['clean', ...service()])).toMatchObject({ code: 0 });
    });

    it('can be looked up in a temporary server', async () => {
      const { accident } = moments.steps;
      const { temporary, moment } = await receive('--temporary', '--target-time', shiftTime(accident.time, -1));
      try {
        expect(moment.outcome).toBe('promoted');
        expect(await mustRun('docker', ['exec', temporary.name, 'psql', '-XAtqc', ROWS, 'postgres'])).toBe(
          'zero one two',
        );
      } finally {
        await odo(['temporary', 'stop', temporary.name]);
      }
    });

    it('that the server does not come to ends in a failure that says so, with the old data still there', async () => {
      const { five } = moments.steps;
      // Behind the last record, in the padding of the last segment: whether something follows is known to the server
      // alone.
      const [high, low] = five.afterLsn.split('/') as [string, string];
      const lsn = `${high}/${(Number.parseInt(low, 16) | 0xff0000).toString(16).toUpperCase()}`;
      const outcome = await odo(['-u', moments.url, ...service(), '--target-lsn', lsn]);
      expect(outcome).toMatchObject({ code: 30, stdout: '' });
      expect(outcome.stderr).toContain(`warning moment: LSN ${lsn}`);
      expect(outcome.stderr).toMatch(RAN_OUT_OF_WAL);
      expect(outcome.stderr).toContain('odo rollback');
      expect(await odo(['rollback', ...service()])).toMatchObject({ code: 0 });
      await project.up();
      expect(await project.sql(ROWS)).toBe('zero one two of the old data');
    });
  });
}
