import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foreignSegment } from './parts/foreign-segment.ts';
import { odo } from './parts/odo.ts';
import { type PlainServer, startPlainServer } from './parts/plain-server.ts';
import { mustRun } from './parts/run.ts';
import { createBucket, deleteObjects, emptyBucket, listKeys, putObject, readObject } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

/** Which backup is taken, of repositories in which one could take a wrong one. */
describe('the backup that is taken', () => {
  let bucket: string;
  let bucketOfSets: string;
  let source: SourceCluster;
  let server: PlainServer | undefined;
  let older: string;
  let newer: string;
  let folder: string;
  let restores = 0;

  /** Ids that barman would give to backups of tomorrow, which thus are newer than all others. */
  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000);
  const idOfTomorrow = (hour: string) => `${tomorrow.toISOString().slice(0, 10).replaceAll('-', '')}T${hour}0000`;
  const failedId = idOfTomorrow('10');
  const diedId = idOfTomorrow('11');
  const root = 'backups/shop/';

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-latest-'));
    [bucket, bucketOfSets] = [await createBucket(), await createBucket()];
    source = await startSource({ major: 15, bucket, prefix: 'backups', server: 'shop' });
    await source.sql('create table things as select 1 as id');
    await source.baseBackup('sets/z-first');
    older = await source.barmanBackup();
    await source.sql('insert into things values (2)');
    await source.baseBackup('sets/a-second');
    newer = await source.barmanBackup();
    await source.sql('insert into things values (3)');
    await source.archiveAll();

    const sets = await listKeys(bucket, 'sets/');
    for (const key of sets) await putObject(bucketOfSets, key, await readObject(bucket, key));
    await deleteObjects(bucket, sets);
    const broken = (await readObject(bucket, `${root}base/${newer}/backup.info`))
      .toString('utf8')
      .replace(/^status=.*$/m, 'status=FAILED')
      .replace(/^error=.*$/m, 'error=the disk was full')
      .replace(/^end_time=.*$/m, `end_time=${tomorrow.toISOString().slice(0, 10)} 10:00:01.000000+00:00`)
      .replace(/^begin_time=.*$/m, `begin_time=${tomorrow.toISOString().slice(0, 10)} 10:00:00.000000+00:00`);
    await putObject(bucket, `${root}base/${failedId}/backup.info`, broken);
    await putObject(bucket, `${root}base/${diedId}/data.tar.gz`, 'what was uploaded before it died');
    // A lifecycle rule, a copy between buckets: now the older ones have the newest objects.
    for (const [where, prefix] of [
      [bucket, `${root}base/${older}/`],
      [bucketOfSets, 'sets/z-first/'],
    ] as const) {
      for (const key of await listKeys(where, prefix)) await putObject(where, key, await readObject(where, key));
    }
  });

  afterAll(async () => {
    await source?.remove();
    await server?.remove();
    for (const each of [bucket, bucketOfSets]) if (each) await emptyBucket(each);
    if (folder) await mustRun('rm', ['-rf', folder]);
  });

  /** What a dry run would take, and the evidence that it gives for it. */
  async function choice(url: string, ...more: string[]): Promise<{ id: string; state: string; evidence: string }> {
    const into = path.join(folder, 'dry-run');
    const { code, stdout, stderr } = await odo(['-u', url, '--into', into, '--dry-run', '--json', ...more]);
    expect(code, stderr).toBe(0);
    expect(fs.existsSync(into)).toBe(false);
    const { backup, proofs } = JSON.parse(stdout);
    const { state, evidence } = proofs.find(({ name }: { name: string }) => name === 'backup');
    return { id: backup.id, state, evidence };
  }

  /** Restores into a directory, and gives the highest number that a server on it has. */
  async function restored(image: string, url: string, ...more: string[]): Promise<string> {
    const pgdata = path.join(folder, `pgdata-${++restores}`);
    const { code, stderr } = await odo(['-u', url, '--into', pgdata, ...more]);
    expect(code, stderr).toBe(0);
    await server?.remove();
    server = await startPlainServer({ image, mount: `${pgdata}:/var/lib/postgresql/data` });
    await server.promoted();
    return server.sql('select max(id) from things');
  }

  it('is the newest complete one, and those passed over are named with the reason', async () => {
    const { id, evidence } = await choice(`s3://${bucket}/backups/shop`);
    expect(id).toBe(newer);
    expect(evidence).toMatch(new RegExp(`${newer} of `));
    expect(evidence).toContain(`skipped ${failedId}: failed: barman says: the disk was full`);
    expect(evidence).toMatch(new RegExp(`skipped ${diedId}: (running|died): it has no backup.info`));
    expect(evidence).not.toContain(older);
  });

  it('is exactly the one that --backup names', async () => {
    expect((await choice(`s3://${bucket}/backups/shop`, '--backup', older)).id).toBe(older);
    expect((await choice(`s3://${bucket}/backups/shop`, '--backup', newer)).id).toBe(newer);
    expect((await choice(`s3://${bucketOfSets}/sets`, '--backup', 'z-first')).id).toBe('z-first');
  });

  it('is never an unfinished one, even if --backup or the URL names it', async () => {
    for (const args of [
      ['-u', `s3://${bucket}/backups/shop`, '--backup', failedId],
      ['-u', `s3://${bucket}/${root}base/${failedId}/`],
      ['-u', `s3://${bucket}/${root}base/${diedId}/data.tar.gz`],
    ]) {
      const { code, stderr } = await odo([...args, '--into', path.join(folder, 'dry-run'), '--dry-run']);
      expect({ args, code }).toEqual({ args, code: 13 });
      expect(stderr).toMatch(new RegExp(`${failedId}|${diedId}`));
    }
  });

  it.each([
    ['the bucket', ''],
    ['the bucket, with a slash', '/'],
    ['the prefix', '/backups'],
    ['the prefix, with a slash', '/backups/'],
    ['the server', '/backups/shop'],
    ['base/', '/backups/shop/base/'],
    ['base without a slash', '/backups/shop/base'],
    ['wals/', '/backups/shop/wals/'],
  ])('is found when the URL is that of %s', async (_what, end) => {
    expect((await choice(`s3://${bucket}${end}`)).id).toBe(newer);
  });

  it.each([
    ['its folder', ''],
    ['its folder, with a slash', '/'],
    ['its data', '/data.tar.gz'],
    ['its backup.info', '/backup.info'],
  ])('is the one that the URL points at, by %s', async (_what, end) => {
    expect((await choice(`s3://${bucket}/${root}base/${older}${end}`)).id).toBe(older);
    expect((await choice(`s3://${bucket}/${root}base/${newer}${end}`)).id).toBe(newer);
  });

  it.each(['/sets', '/sets/'])('goes by the beginning of pg_basebackup sets, not by the upload: %s', async (end) => {
    expect((await choice(`s3://${bucketOfSets}${end}`)).id).toBe('a-second');
  });

  it.each(['', '/', '/base.tar.gz', '/backup_manifest', '/pg_wal.tar.gz'])(
    'is the set that the URL points at: SET%s',
    async (end) => {
      expect((await choice(`s3://${bucketOfSets}/sets/z-first${end}`)).id).toBe('z-first');
      expect((await choice(`s3://${bucketOfSets}/sets/a-second${end}`)).id).toBe('a-second');
    },
  );

  it('is not guessed among several servers', async () => {
    for (const key of await listKeys(bucket, `${root}base/${newer}/`)) {
      await putObject(bucket, key.replace(root, 'backups/warehouse/'), await readObject(bucket, key));
    }
    const { code, stdout, stderr } = await odo([
      '-u',
      `s3://${bucket}/backups`,
      '--into',
      path.join(folder, 'dry-run'),
      '--dry-run',
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('shop');
    expect(stderr).toContain('warehouse');
    expect((await choice(`s3://${bucket}/backups/shop`)).id).toBe(newer);
  });

  it('is the one that the restored rows come from', async () => {
    const pgdata = path.join(folder, 'pgdata');
    const { code, stderr } = await odo(['-u', `s3://${bucketOfSets}/sets`, '--into', pgdata, '--json']);
    expect(code, stderr).toBe(0);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.find(({ type, name }) => type === 'proof' && name === 'backup').evidence).toMatch(/^a-second of /);
    server = await startPlainServer({ image: 'postgres:15', mount: `${pgdata}:/var/lib/postgresql/data` });
    await server.promoted();
    expect(await server.sql('select max(id) from things')).toBe('2');
  });

  it('has its WAL from the good one of two objects, the first of which is empty, or of another cluster', async () => {
    const [own] = await walOf(newer);
    const empty = own.replace(/\.gz$/, '');
    await putObject(bucket, empty, Buffer.alloc(0));
    // Another cluster's segment is as sound as the right one.
    const last = (await listKeys(bucket, `${root}wals/`)).findLast((key) => /\/[0-9A-F]{24}\.gz$/.test(key)) as string;
    const foreign = last.replace(/\.gz$/, '');
    const name = foreign.slice(foreign.lastIndexOf('/') + 1);
    await putObject(bucket, foreign, gunzipSync(await foreignSegment(source.container, name)));
    expect(await restored('postgres:15', `s3://${bucket}/backups/shop`)).toBe('3');
    // So does the search for a moment, whose commit is in that segment.
    const xid = await source.sql('select xmin from things where id = 3');
    expect((await choice(`s3://${bucket}/backups/shop`, '--target-xid', xid)).id).toBe(newer);
    await deleteObjects(bucket, [empty, foreign]);
  });

  it('is an older one until the last WAL of the newest is archived, and that is told', async () => {
    const [, last] = await walOf(newer);
    const cut = (await listKeys(bucket, `${root}wals/`)).filter((key) => key >= last);
    const kept = await Promise.all(cut.map(async (key) => [key, await readObject(bucket, key)] as const));
    await deleteObjects(bucket, cut);
    try {
      const { id, state, evidence } = await choice(`s3://${bucket}/backups/shop`);
      expect({ id, state }).toEqual({ id: older, state: 'warning' });
      expect(evidence).toMatch(
        new RegExp(`skipped ${newer}: .*\\(until that WAL is there, only the older one can be restored\\)`),
      );
      const into = ['--into', path.join(folder, 'dry-run')];
      const { code, stderr } = await odo(['-u', `s3://${bucket}/backups/shop`, ...into, '--backup', newer]);
      expect(code, stderr).toBe(13);
      expect(stderr).toContain(`--backup ${older} is the newest older one that has its WAL`);
      expect(await restored('postgres:15', `s3://${bucket}/backups/shop`)).toBe('2');
    } finally {
      for (const [key, content] of kept) await putObject(bucket, key, content);
    }
    expect((await choice(`s3://${bucket}/backups/shop`)).id).toBe(newer);
  });

  /** The objects of a backup's own WAL, the first and the last. */
  async function walOf(id: string): Promise<[string, string]> {
    const info = (await readObject(bucket, `${root}base/${id}/backup.info`)).toString('utf8');
    const segments = [/^begin_wal=(.*)$/m, /^end_wal=(.*)$/m].map((line) => line.exec(info)?.[1]);
    const keys = await listKeys(bucket, `${root}wals/`);
    return segments.map((segment) => keys.find((key) => key.endsWith(`/${segment}.gz`))) as [string, string];
  }

  it('is never silently the full one below an incremental set, whose rows are left out', async () => {
    const settings = { summarize_wal: 'on' };
    const other = await startSource({ major: 17, bucket: bucketOfSets, prefix: 'none', server: 'none', settings });
    try {
      await other.sql('create table things as select 1 as id');
      await other.baseBackup('by-17/full');
      const manifest = path.join(folder, 'manifest');
      fs.writeFileSync(manifest, await readObject(bucketOfSets, 'by-17/full/backup_manifest'));
      await mustRun('docker', ['cp', '-q', manifest, `${other.container}:/tmp/manifest`]);
      await other.sql('insert into things values (2)');
      await other.baseBackup('by-17/later', ['-Ft', '-z', '-X', 'stream', '--incremental=/tmp/manifest']);
    } finally {
      await other.remove();
    }
    const { id, state, evidence } = await choice(`s3://${bucketOfSets}/by-17`);
    expect({ id, state }).toEqual({ id: 'full', state: 'warning' });
    expect(evidence).toMatch(
      /skipped later: unsupported: it is incremental: .*what is newer than full is left out with it/,
    );
    const into = ['--into', path.join(folder, 'dry-run')];
    const { code, stderr } = await odo(['-u', `s3://${bucketOfSets}/by-17`, ...into, '--backup', 'later']);
    expect(code, stderr).toBe(13);
    expect(stderr).toContain('it is incremental: pg_combinebackup has to put it together');
    expect(await restored('postgres:17', `s3://${bucketOfSets}/by-17`)).toBe('1');
  });
});
