import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { odo } from './parts/odo.ts';
import { copyObjects, type ReadyRepository, readyRepository } from './parts/ready-repository.ts';
import { createBucket, deleteObjects, emptyBucket, listKeys, putObject, readObject } from './parts/s3.ts';

/**
 * A real backup, copied into every state that a backup can be in, and an archive with a hole; beside it sets, and a
 * server of WAL alone.
 */
describe('the catalogue of a bucket with backups in every state', () => {
  let repository: ReadyRepository;
  let bucket: string;
  let folder: string;
  let good: string;
  let endWal: string;

  const FAILED = '20200101T000000';
  const UNFINISHED = '20200102T000000';
  const INCOMPLETE = '20200103T000000';
  const WITHOUT_WAL = '20200104T000000';
  const SNAPSHOT = '20200105T000000';

  beforeAll(async () => {
    repository = await readyRepository();
    bucket = await createBucket();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-list-'));
    good = repository.barmanId;
    endWal = repository.endWal;
    const isOfGood = (key: string) => !key.includes('/base/') || key.includes(`/base/${good}/`);
    await copyObjects(
      { bucket: repository.bucket, prefix: 'backups/shop/' },
      { bucket, prefix: 'backups/shop/' },
      isOfGood,
    );
    await copyObjects({ bucket: repository.bucket, prefix: 'sets/' }, { bucket, prefix: 'backups/sets/' });
    await putObject(bucket, 'backups/bare/wals/0000000100000000/000000010000000000000001.gz', 'x');

    const base = 'backups/shop/base/';
    const info = (await readObject(bucket, `${base}${good}/backup.info`)).toString('utf8');
    const copy = async (id: string, change: (text: string) => string | undefined, withData = true) => {
      if (withData)
        await copyObjects(
          { bucket, prefix: `${base}${good}/` },
          { bucket, prefix: `${base}${id}/` },
          (key) => !key.endsWith('.info'),
        );
      const changed = change(info);
      if (changed !== undefined) await putObject(bucket, `${base}${id}/backup.info`, changed);
    };
    await copy(FAILED, (text) =>
      text.replace(/^status=.*$/m, 'status=FAILED').replace(/^error=.*$/m, 'error=the disk was full'),
    );
    await copy(UNFINISHED, () => undefined);
    await copy(INCOMPLETE, (text) => text, false);
    const lost = (text: string) => text.replace(/^(begin|end)_wal=.*$/gm, '$1_wal=0000000100000000000000AA');
    await copy(WITHOUT_WAL, lost);
    await copy(SNAPSHOT, (text) => `${text}snapshots_info={'provider': 'aws'}\n`, false);
    // the next to last segment of the archive is lost
    const segments = (await listKeys(bucket, 'backups/shop/wals/')).filter((key) => /\/[0-9A-F]{24}\.gz$/.test(key));
    await deleteObjects(bucket, segments.slice(-2, -1));
  });

  afterAll(async () => {
    if (bucket) await emptyBucket(bucket);
    if (folder) fs.rmSync(folder, { recursive: true, force: true });
  });

  async function list(...args: string[]) {
    const { code, stdout, stderr } = await odo(['list', '--json', ...args]);
    return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) };
  }

  it('lists all of all servers, with the reason for each that cannot be used', async () => {
    const { code, report, stderr } = await list('-u', `s3://${bucket}/backups`);
    expect(code, stderr).toBe(0);
    expect(
      report.repositories.map(({ server, format }: { server: string; format: string }) => [server, format]),
    ).toEqual([
      ['bare', 'barman'],
      ['sets', 'basebackup'],
      ['shop', 'barman'],
    ]);
    const [bare, sets, shop] = report.repositories;
    expect(bare.backups).toEqual([]);
    expect(sets.backups).toMatchObject([{ usable: true, postgresMajor: 15, endLsn: expect.stringMatching(/^0\//) }]);

    const states = Object.fromEntries(shop.backups.map((backup: { id: string }) => [backup.id, backup]));
    expect(Object.keys(states).sort()).toEqual([FAILED, UNFINISHED, INCOMPLETE, WITHOUT_WAL, SNAPSHOT, good]);
    expect(states[good]).toMatchObject({
      state: 'complete',
      usable: true,
      postgresMajor: 15,
      timeline: 1,
      endWal,
      storedBytes: expect.any(Number),
      ageSeconds: expect.any(Number),
      tablespaces: [],
    });
    const told = (id: string, state: string, reason: RegExp) =>
      expect(states[id]).toMatchObject({ state, usable: false, reason: expect.stringMatching(reason) });
    told(FAILED, 'failed', /barman says: the disk was full/);
    told(UNFINISHED, 'running', /no backup\.info/);
    told(INCOMPLETE, 'failed', /data\.tar is missing/);
    told(WITHOUT_WAL, 'complete', /the archive lacks 0000000100000000000000AA/);
    told(SNAPSHOT, 'unsupported', /snapshots/);
  });

  it('tells the recoverable window, and names the hole in it', async () => {
    const { report } = await list('-u', `s3://${bucket}/backups`, '--server', 'shop');
    const [{ wal, backups }] = report.repositories;
    const [timeline] = wal.timelines;
    const { endLsn, endTime } = backups.find(({ id }: { id: string }) => id === good);
    expect(wal.timelines).toHaveLength(1);
    expect(timeline.stretches).toEqual([
      {
        backupId: good,
        fromLsn: endLsn,
        fromTime: endTime,
        toSegment: expect.stringMatching(/^00000001/),
        toLsn: expect.stringMatching(/^0\/[1-9A-F][0-9A-F]*0{6}$/),
        toTime: expect.stringMatching(/^\d{4}-/),
      },
    ]);
    const names = (await listKeys(repository.bucket, 'backups/shop/wals/')).flatMap(
      (key) => /\/([0-9A-F]{24})\.gz$/.exec(key)?.[1] ?? [],
    );
    const lost = names.at(-2);
    expect(timeline.holes[0]).toMatchObject({ firstSegment: lost, lastSegment: lost, segments: 1 });

    const { code, stdout } = await odo(['list', '-u', `s3://${bucket}/backups/shop`]);
    expect(code).toBe(0);
    expect(stdout).toContain(`hole: ${lost} missing`);
    expect(stdout).toMatch(new RegExp(`^ +${WITHOUT_WAL} +unusable `, 'm'));
  });

  it('calls a backup that got no object for hours dead, in a directory too', async () => {
    const old = new Date(Date.now() - 24 * 3600 * 1000);
    for (const key of await listKeys(bucket, `backups/shop/base/${UNFINISHED}/`)) {
      const file = path.join(folder, key);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, await readObject(bucket, key));
      fs.utimesSync(file, old, old);
    }
    const info = `backups/shop/base/${FAILED}/backup.info`;
    fs.mkdirSync(path.dirname(path.join(folder, info)), { recursive: true });
    fs.writeFileSync(path.join(folder, info), await readObject(bucket, info));
    const { code, report, stderr } = await list('-u', path.join(folder, 'backups/shop'));
    expect(code, stderr).toBe(0);
    const dead = report.repositories[0].backups.find(({ id }: { id: string }) => id === UNFINISHED);
    expect(dead).toMatchObject({ state: 'died', reason: expect.stringContaining('did not come to its end') });
  });

  it('shows one backup in full: the newest complete one, the named one, the one that the URL points at', async () => {
    const shown = async (...args: string[]) => {
      const { code, stdout, stderr } = await odo(['show', '--json', ...args]);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    const shop = ['-u', `s3://${bucket}/backups`, '--server', 'shop'];
    const named = await shown(good, ...shop);
    expect(named).toMatchObject({
      kind: 'show',
      backup: { id: good, usable: true, parts: [{ role: 'base' }] },
      wal: { source: 'archive', hole: expect.stringMatching(/^00000001/) },
    });
    expect((await shown('-u', `s3://${bucket}/backups/shop/base/${FAILED}/`)).backup).toMatchObject({
      id: FAILED,
      usable: false,
    });
    const set = await shown('-u', `s3://${bucket}/backups`, '--server', 'sets');
    expect(set.backup).toMatchObject({
      usable: true,
      restoredBytes: expect.any(Number),
      restoredFiles: expect.any(Number),
    });
    const text = await odo(['show', WITHOUT_WAL, ...shop]);
    expect(text.stdout).toMatch(/^ +state +unusable: .*the archive lacks 0000000100000000000000AA$/m);
  });

  it('has no colours where NO_COLOR is set', async () => {
    const stderr = async (env: NodeJS.ProcessEnv) =>
      (await odo(['list', '-u', `s3://${bucket}/nosuch`], { env })).stderr;
    expect(await stderr({ FORCE_COLOR: '1' })).toContain('\u001b[');
    expect(await stderr({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain('\u001b[');
  });

  it('ends with 12 where there is no backup, and with 2 where several servers could be meant', async () => {
    const bare = await list('-u', `s3://${bucket}/backups/bare`);
    expect(bare).toMatchObject({ code: 12, report: { repositories: [{ server: 'bare', backups: [] }] } });
    expect(bare.stderr).toContain('no backup');
    expect((await list('-u', `s3://${bucket}/nosuch`)).code).toBe(12);
    expect((await list('-u', `s3://${bucket}/backups`, '--server', 'nosuch')).code).toBe(12);
    expect((await odo(['show', '20991231T000000', '-u', `s3://${bucket}/backups/shop`])).code).toBe(12);
    const several = await odo(['show', '-u', `s3://${bucket}/backups`]);
    expect(several.code).toBe(2);
    expect(several.stderr).toContain('--server');
  });

  it('lets a restore choose its server', async () => {
    const into = path.join(folder, 'dry-run');
    const args = ['-u', `s3://${bucket}/backups`, '--into', into, '--dry-run', '--json'];
    const unnamed = await odo(args);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toMatch(/--server (bare|sets|shop)/);
    const named = await odo([...args, '--server', 'sets']);
    expect(named.code, named.stderr).toBe(0);
    expect(JSON.parse(named.stdout).backup).toMatchObject({ format: 'basebackup', server: 'sets' });
  });
});
