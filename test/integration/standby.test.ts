import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, until } from './parts/run.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

const DATA = '/var/lib/postgresql/data';
const SECRET = 'hush-hush-7';

/** A restored server that stays a standby of the very server whose backup it is. */
describe('a standby', () => {
  let bucket: string;
  let source: SourceCluster;
  let project: ComposeProject;
  let conninfo: string;

  beforeAll(async () => {
    bucket = await createBucket();
    source = await startSource({ major: 17, bucket, prefix: 'backups', server: 'shop' });
    conninfo = `host=127.0.0.1 port=${await source.sql('show port')} user=postgres password=${SECRET}`;
    await source.sql("create table rows as select 'in the backup' as what");
    await source.barmanBackup();
    await source.sql("insert into rows values ('in the archive')");
    await source.archiveAll();
    // On the host's network, since that is where the source listens; no other server may have its port there.
    project = writeProject({
      image: 'postgres:17',
      mountAt: DATA,
      extra: '    network_mode: host\n    command: ["postgres", "-c", "listen_addresses="]',
    });
    await project.compose('up', '-d', 'db');
    // Not the server that the entry point starts to make the cluster, and stops again.
    const pid = () => project.compose('exec', '-T', 'db', 'head', '-n', '1', `${DATA}/postmaster.pid`).catch(() => '');
    await until('the server itself runs', async () => (await pid()) === '1');
    await until('it answers', async () => (await project.sql('select 1').catch(() => '')) === '1');
    await project.sql("create table of_the_service as select 'old' as what");
  });

  afterAll(async () => {
    await project?.down();
    await source?.remove();
    if (bucket) await emptyBucket(bucket);
  });

  const names = () => ['-v', 'db', '-n', 'db', '-f', project.file];
  const args = (...more: string[]) => ['-u', `s3://${bucket}/backups`, ...names(), '--standby', ...more];
  const rows = () => project.sql("select string_agg(what, ', ' order by what) from rows");
  const inRecovery = () => project.sql('select pg_is_in_recovery()');
  const ownWords = () => project.inVolume('cat /v/postgresql.auto.conf');

  it('without a primary follows the archive as far as it reached, stays one over a restart, and odo rollback gives it up', async () => {
    const receipt = await odoReceipt(args());
    expect(receipt).toMatchObject({ standby: { hasPrimary: false }, reached: { timeline: 1, lsn: expect.any(String) } });
    expect(receipt.notes.slice(-3)).toEqual([
      expect.stringMatching(/it was given no primary, so nothing brings it what is archived from now on/),
      expect.stringMatching(/^to make it a primary: odo promote /),
      expect.stringMatching(/^to go back to the old data: odo rollback /),
    ]);
    await project.compose('restart', '-t', '60', 'db');
    await until('the standby answers', async () => (await inRecovery().catch(() => '')) === 't');
    expect(await rows()).toBe('in the archive, in the backup');
    const status = JSON.parse((await odo(['status', ...names(), '--json'])).stdout);
    expect(status).toMatchObject({
      state: 'swapped',
      isStandby: true,
      advice: expect.stringMatching(/is a standby: odo promote/),
    });
    const clean = await odo(['clean', ...names()]);
    expect([clean.code, clean.stderr]).toEqual([24, expect.stringMatching(/has not finished its recovery/)]);

    expect((await odo(['rollback', ...names()])).code).toBe(0);
    await until(
      'the old data is back',
      async () => (await project.sql('select what from of_the_service').catch(() => '')) === 'old',
    );
  });

  it('with a primary streams from it, and is promoted only by odo promote; the password is told nowhere', async () => {
    const outcome = await odo(args('--json'), { env: { PRIMARY_CONNINFO: conninfo } });
    expect(outcome.code, outcome.stderr).toBe(0);
    const inspected = await mustRun('docker', ['inspect', await project.containerId('db')]);
    const journal = await project.inVolume('cat /v/.odo/journal.json');
    for (const told of [outcome.stdout, outcome.stderr, inspected, journal]) expect(told).not.toContain(SECRET);
    expect(await project.inVolume('stat -c %a /v/postgresql.auto.conf')).toBe('600');
    expect(await ownWords()).toContain(SECRET);

    await source.sql("insert into rows values ('streamed, in no archive yet')");
    await until(
      'the standby streams',
      async () => (await rows()) === 'in the archive, in the backup, streamed, in no archive yet',
    );
    expect(await inRecovery()).toBe('t');

    const promoted = await odo(['promote', ...names(), '--json']);
    expect(promoted.code, promoted.stderr).toBe(0);
    expect(JSON.parse(promoted.stdout)).toMatchObject({ kind: 'promotion', reached: { timeline: 2 } });
    expect(await inRecovery()).toBe('f');
    await project.sql("insert into rows values ('of its own')");
    expect(await source.sql('select count(*) from rows')).toBe('3');
    expect(await ownWords()).not.toMatch(new RegExp(`${SECRET}|>>> odo|restore_command`));
    expect(await project.inVolume('ls -A /v | grep -c -e odo -e standby.signal; true')).toBe('0');
  });

  it('says what is wrong with what it was given of a primary, and never the text itself', async () => {
    const wrong = await odo(args('--primary-conninfo', SECRET));
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/is no connection string/)]);
    expect(wrong.stderr).not.toContain(SECRET);
    const warned = await odo(args('--dry-run', '--primary-conninfo', conninfo));
    expect([warned.code, warned.stderr]).toEqual([0, expect.stringMatching(/PRIMARY_CONNINFO in the environment is safer/)]);
    expect(warned.stdout + warned.stderr).not.toContain(SECRET);
  });
});
