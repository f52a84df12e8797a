import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type DirectoryServers, startDirectoryServers } from './parts/directory-server.ts';
import { LATER_RESTORE_POINT, type Moments, makeMoments, RESTORE_POINT, shiftTime } from './parts/moments.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, until } from './parts/run.ts';
import { emptyBucket } from './parts/s3.ts';
import { rememberService } from './parts/service-before.ts';

const ROWS = "select coalesce(string_agg(what, ' ' order by id), 'nothing') from steps";

/** What a clock shows that is so many hours ahead of UTC. */
const wallTime = (time: string, hours: number) => shiftTime(time, hours * 3_600_000_000).replace('+00', '');

/**
 * Restores one archive to many moments: each kind of target at each of its edges into directories, and what a service has to do with it into one.
 * `every`: also what does not depend on the version.
 */
export function momentSuite(major: 15 | 17 | 18, mountAt: string, every: boolean): void {
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
    const restore = (...target: string[]) => receive('--allow-different-cluster', ...target);
    const refusal = async (...target: string[]) => {
      const { code, stderr } = await odo(['-u', moments.url, '--into', path.join(project.folder, 'nowhere'), ...target]);
      return { code, stderr };
    };
    const iso = (time: string) => `${time.replace(' ', 'T').replace('+00', 'Z')}`;

    it('in time is the state after the last commit up to it, from the newest backup before it', async () => {
      const { two, accident } = moments.steps;
      const receipt = await restore('--target-time', shiftTime(accident.time, -1));
      expect(await project.sql(ROWS)).toBe('zero one two');
      expect(receipt).toMatchObject({
        backup: { id: moments.older },
        moment: { asked: { target: { kind: 'time', time: iso(shiftTime(accident.time, -1)) } }, outcome: 'promoted' },
        reached: { lastCommitTime: iso(two.time) },
      });
      // The newest timeline of the archive leads on; the restored server must not take its number.
      expect(receipt.reached.timeline).toBe(3);
      expect(receipt.moment.stop.time).toBe(iso(accident.time));
      expect(await project.sql('select pg_is_in_recovery()')).toBe('f');
      expect(await project.inVolume(`cat ${dataDirectory.replace(mountAt, '/v')}/postgresql.auto.conf`)).not.toContain(
        'recovery_target',
      );
    });

    it('behind a change of timeline is reached along both', async () => {
      const { four, five } = moments.steps;
      const receipt = await restore('--target-time', iso(shiftTime(five.time, -1)));
      expect(await project.sql(ROWS)).toBe('accident three four');
      expect(receipt).toMatchObject({ backup: { id: moments.newer }, reached: { timeline: 3, lastCommitTime: iso(four.time) } });
    });

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

    it('by a restore point is found in the archive, and so is the backup before it', async () => {
      const receipt = await restore('--target-name', RESTORE_POINT);
      expect(await project.sql(ROWS)).toBe('zero one two');
      expect(receipt).toMatchObject({ backup: { id: moments.older }, moment: { words: `restore point ${RESTORE_POINT}` } });
    });

    it('is waited at with pause, looked at, and taken by odo promote', async () => {
      const { two } = moments.steps;
      const receipt = await restore('--target-xid', two.xid, '--target-action', 'pause');
      expect(receipt).toMatchObject({ moment: { outcome: 'paused' }, reached: { timeline: 1, lastCommitTime: iso(two.time) } });
      expect(receipt.notes.join('\n')).toContain(`odo promote -v db -n db -f ${project.file}`);
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('t|zero one two');
      const status = await odo(['status', ...service(), '--json']);
      expect(JSON.parse(status.stdout)).toMatchObject({ state: 'swapped', recovered: false, waitsAt: `transaction ${two.xid}` });

      const { code, stdout, stderr } = await odo(['promote', ...service(), '--json']);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'promotion', reached: { timeline: 3, lastCommitTime: iso(two.time) } });
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('f|zero one two');
      expect(await project.inVolume('ls -d /v/.odo 2>/dev/null || echo gone')).toBe('gone');
      expect(await odo(['promote', ...service()])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no restore has left'),
      });
    });

    it('that no backup or no WAL leads to is refused before anything is touched, with what can be reached', async () => {
      const { zero, one, two, five } = moments.steps;
      const before = await rememberService(project, 'db', project.volume, dataDirectory);
      const early = await odo(['-u', moments.url, ...service(), '--target-time', zero.time]);
      expect(early).toMatchObject({
        code: 15,
        stderr: expect.stringMatching(`the oldest complete one, ${moments.older}, ended at`),
      });
      const late = await refusal('--target-time', five.time);
      expect(late).toMatchObject({
        code: 15,
        stderr: expect.stringContaining(`the last transaction in it ended at ${iso(five.time).replace(/\.?0+Z$/, 'Z')}`),
      });
      const after = await refusal('--backup', moments.newer, '--target-time', two.time);
      expect(after).toMatchObject({ code: 15, stderr: expect.stringMatching(`${moments.newer} ended at .*, after the target`) });
      expect(await refusal('--target-lsn', one.beforeLsn.replace(/^\d+/, 'FF'))).toMatchObject({
        code: 15,
        stderr: expect.stringContaining('not in the archive'),
      });
      expect(await refusal('--target-lsn', zero.beforeLsn)).toMatchObject({
        code: 15,
        stderr: expect.stringContaining('no backup ended by'),
      });
      expect(await refusal('--target-xid', '4000000000')).toMatchObject({
        code: 15,
        stderr: expect.stringContaining('is not in the archive since'),
      });
      const name = await refusal('--target-name', 'before the acident');
      expect(name).toMatchObject({
        code: 15,
        stderr: expect.stringMatching(`its restore points are: .*, ${RESTORE_POINT} \\(2`),
      });
      expect(await refusal('--target-time', two.time.replace('+00', ''))).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('read as UTC it is'),
      });
      await before.expectAsBefore({ restarted: false });
      expect(fs.readdirSync(project.folder)).toEqual(['compose.yaml']);
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

      it.concurrent.each<[string, (moments: Moments) => string[], string]>([
        ['at the very commit, time', ({ steps }) => ['--target-time', steps.two.time], 'zero one two'],
        ['just before it, time', ({ steps }) => ['--target-time', shiftTime(steps.two.time, -1)], 'zero one'],
        ['just after it, time', ({ steps }) => ['--target-time', shiftTime(steps.two.time, 1)], 'zero one two'],
        ['exclusively at it, time', ({ steps }) => ['--target-time', iso(steps.two.time), '--target-exclusive'], 'zero one'],
        [
          'at it by a clock on the wall, time',
          ({ steps }) => ['--target-time', wallTime(steps.two.time, 2), '--timezone', '+02:00'],
          'zero one two',
        ],
        [
          'at the last commit but excluding it, time',
          ({ steps }) => ['--target-time', steps.five.time, '--target-exclusive'],
          'accident three four',
        ],
        [
          'at a commit of timeline 2, time',
          ({ steps }) => ['--target-time', steps.four.time, '--target-timeline', 'latest'],
          'accident three four',
        ],
        ['with it, transaction', ({ steps }) => ['--target-xid', steps.one.xid], 'zero one'],
        ['without it, transaction', ({ steps }) => ['--target-xid', steps.two.xid, '--target-exclusive'], 'zero one'],
        [
          'without the first one behind a backup, transaction',
          ({ steps }) => ['--target-xid', steps.one.xid, '--target-exclusive'],
          'zero',
        ],
        ['the last one there is, transaction', ({ steps }) => ['--target-xid', steps.five.xid], 'accident three four five'],
        ['on timeline 2, transaction', ({ steps }) => ['--target-xid', steps.four.xid], 'accident three four'],
        [
          'before its WAL begins, position',
          ({ steps }) => ['--target-lsn', steps.two.beforeLsn, '--target-exclusive'],
          'zero one',
        ],
        ['where its WAL begins, position', ({ steps }) => ['--target-lsn', steps.two.beforeLsn], 'zero one'],
        ['behind its commit, position', ({ steps }) => ['--target-lsn', steps.two.afterLsn], 'zero one two'],
        [
          'on timeline 2, position',
          ({ steps }) => ['--target-lsn', steps.five.beforeLsn, '--target-exclusive'],
          'accident three four',
        ],
        ['on timeline 2, restore point', () => ['--target-name', LATER_RESTORE_POINT], 'accident three four'],
        ['the end of the newest backup', () => ['--target', 'immediate'], 'accident'],
        ['the end of an older backup', ({ older }) => ['--target', 'immediate', '--backup', older], 'zero'],
        ['the end of timeline 1', () => ['--target-timeline', '1'], 'accident three'],
        [
          'a time on timeline 1 by its number',
          ({ steps }) => ['--target-timeline', 'current', '--target-time', shiftTime(steps.three.time, -1)],
          'accident',
        ],
      ])('%s', async (_what, target, rows) => {
        const directory = path.join(folder, String(++restores));
        await odoReceipt(['-u', moments.url, '--into', directory, '--no-sync', ...target(moments)]);
        expect(await servers.askPromoted(directory, ROWS)).toBe(rows);
      });
    });

    if (!every) return;

    it('is shut down at with shutdown, comes up there again, and is taken by odo promote', async () => {
      const { accident } = moments.steps;
      const target = ['--target-time', shiftTime(accident.time, -1), '--target-action', 'shutdown'];
      const receipt = await restore(...target);
      expect(receipt).toMatchObject({ moment: { outcome: 'shut down' } });
      expect(await project.compose('ps', '-q', 'db')).toBe('');
      const { code, stdout, stderr } = await odo(['promote', ...service(), '--json']);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(JSON.parse(stdout).reached.timeline).toBe(3);
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('f|zero one two');
    });

    it('that was waited at can be given up for another one, and for the old data', async () => {
      await project.sql("insert into steps (what) values ('of the old data')");
      await restore('--target-name', RESTORE_POINT, '--target-action', 'pause');
      await restore('--target', 'immediate', '--target-action', 'pause');
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('t|accident');
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

    it('of a set of pg_basebackup is its own end, and nothing else', async () => {
      const { one } = moments.steps;
      const set = ['-u', moments.setUrl, ...service(), '--no-sync'];
      const refused = await odo([...set, '--target-time', one.time]);
      expect(refused).toMatchObject({ code: 15, stderr: expect.stringContaining('bring their own WAL') });
      await odoReceipt([...set, '--target', 'immediate', '--target-action', 'pause']);
      expect(await project.sql(`select pg_is_in_recovery(), (${ROWS})`)).toBe('t|zero');
      expect(await odo(['rollback', ...service()])).toMatchObject({ code: 0 });
      await project.up();
    });

    it('can be looked up in a temporary server', async () => {
      const { accident } = moments.steps;
      const { temporary, moment } = await receive('--temporary', '--target-time', shiftTime(accident.time, -1));
      try {
        expect(moment.outcome).toBe('promoted');
        expect(await mustRun('docker', ['exec', temporary.name, 'psql', '-XAtqc', ROWS, 'postgres'])).toBe('zero one two');
      } finally {
        await odo(['temporary', 'stop', temporary.name]);
      }
    });

    it('that the server does not come to ends in a failure that says so, with the old data still there', async () => {
      const { five } = moments.steps;
      // Behind the last record, in the padding of the last segment: whether something follows is known to the server alone.
      const lsn = `${five.afterLsn.split('/')[0]}/${(Number.parseInt(five.afterLsn.split('/')[1] as string, 16) | 0xff0000).toString(16).toUpperCase()}`;
      const outcome = await odo(['-u', moments.url, ...service(), '--target-lsn', lsn]);
      expect(outcome).toMatchObject({ code: 30, stdout: '' });
      expect(outcome.stderr).toContain(`warning moment: LSN ${lsn}`);
      expect(outcome.stderr).toMatch(
        /recovery came to the end of the WAL before LSN .* was reached: the last transaction that was replayed is of 20/,
      );
      expect(outcome.stderr).toContain('odo rollback');
      expect(await odo(['rollback', ...service()])).toMatchObject({ code: 0 });
      await project.up();
      expect(await project.sql(ROWS)).toBe('zero one two of the old data');
    });
  });
}
