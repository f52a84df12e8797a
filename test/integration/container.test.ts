import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE } from '../../src/cli/settings/version.ts';
import { OWN } from './parts/own.ts';
import { type PlainServer, startPlainServer } from './parts/plain-server.ts';
import { mustRun, run } from './parts/run.ts';
import { createBucket, emptyBucket, S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';
import { inVolume } from './parts/volume-shell.ts';

const DIGEST = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t";
const IMAGE = DEFAULT_IMAGE;

/** The image alone, as a person would use it: no command line of ODO's on the host, no compose. */
describe('the restore image by itself', () => {
  let bucket: string;
  const sources: SourceCluster[] = [];
  const servers: PlainServer[] = [];
  const volumes: string[] = [];

  beforeAll(async () => {
    bucket = await createBucket();
  });

  afterAll(async () => {
    for (const part of [...sources, ...servers]) await part.remove();
    if (volumes.length > 0) await run('docker', ['volume', 'rm', '-f', ...volumes]);
    if (bucket) await emptyBucket(bucket);
  });

  async function startCluster(major: 15 | 18): Promise<SourceCluster> {
    const source = await startSource({ major, bucket, prefix: 'backups', server: `shop${major}` });
    sources.push(source);
    await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
    return source;
  }

  async function newVolume(): Promise<string> {
    const volume = `odo-test-alone-${OWN}-${volumes.length}`;
    await mustRun('docker', ['volume', 'create', volume]);
    volumes.push(volume);
    return volume;
  }

  /** The four documented variables by name, and the endpoint: nothing else goes into the container. */
  async function restore(
    url: string,
    volume: string,
    command: readonly string[] = [],
    options: readonly string[] = [],
  ): Promise<string> {
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_DEFAULT_REGION', 'S3_BACKUP_URL', 'S3_ENDPOINT'];
    const env = { ...process.env, ...S3_KEYS, S3_BACKUP_URL: url, S3_ENDPOINT };
    const variables = names.flatMap((name) => ['-e', name]);
    const container = ['--rm', '--network', 'host', ...variables, ...options, '-v', `${volume}:/data`];
    return mustRun('docker', ['run', ...container, IMAGE, ...command], { env });
  }

  async function serve(image: string, mount: string): Promise<PlainServer> {
    const server = await startPlainServer({ image, mount });
    servers.push(server);
    await server.promoted();
    return server;
  }

  async function look(volume: string, script: string): Promise<string> {
    return inVolume(volume, script, IMAGE);
  }

  it('fills a volume with a barman backup; a plain server recovers onto timeline 2 and promotes itself', async () => {
    const source = await startCluster(15);
    await source.barmanBackup();
    await source.sql("insert into things select n, 'on timeline 1' from generate_series(5001, 5100) n");
    await source.promote();
    await source.sql("insert into things select n, 'on timeline 2' from generate_series(5101, 5200) n");
    await source.archiveAll();
    const atTheEnd = await source.sql(DIGEST);
    await source.remove();

    const volume = await newVolume();
    await restore(`s3://${bucket}/backups/shop15`, volume);
    expect(await look(volume, 'ls /v/.odo; find /v -name "*.signal"')).toBe(
      'restore-command\nspool\n/v/recovery.signal',
    );
    expect(await look(volume, "find /v ! -user 999 -o ! -group 999; stat -c '%a' /v")).toBe('700');

    const server = await serve('postgres:15', `${volume}:/var/lib/postgresql/data`);
    expect(await server.sql(DIGEST)).toBe(atTheEnd);
    await server.sql("insert into things values (0, 'after the restore')");
    expect(await server.sql('checkpoint; select timeline_id from pg_control_checkpoint()')).toBe('3');
    expect(await server.sql('show archive_mode')).toBe('off');
    expect(await look(volume, 'find /v -name .odo; find /v -name "*.signal"')).toBe('');
  });

  it('fills the data directory in a volume laid out as PostgreSQL 18 has it, with native code or without', async () => {
    const source = await startCluster(18);
    await source.baseBackup('sets/20251024T022608');
    const atTheBackup = await source.sql(DIGEST);
    await source.remove();

    const volume = await newVolume();
    await restore(`s3://${bucket}/sets`, volume, ['restore', '--into', '/data/18/docker']);
    const bare = await newVolume();
    await restore(`s3://${bucket}/sets`, bare, ['restore', '--into', '/data/18/docker'], ['-e', 'ODO_NATIVE=0']);
    const digest = 'cd /v/18/docker && find base global -type f -exec md5sum {} + | sort | md5sum';
    expect(await look(bare, digest)).toBe(await look(volume, digest));

    const server = await serve('postgres:18', `${volume}:/var/lib/postgresql`);
    expect(await server.sql(DIGEST)).toBe(atTheBackup);
    await server.sql("insert into things values (0, 'after the restore')");
    expect(await look(volume, 'find /v -name .odo; find /v -name "*.signal"')).toBe('');
  });

  it('holds the native code, and can load it', async () => {
    const script = "Object.keys(require('/usr/local/lib/odo/linux-x64.node')).sort().join()";
    const exports = await mustRun('docker', [
      'run',
      '--rm',
      '--network',
      'none',
      '--entrypoint',
      'node',
      IMAGE,
      '-p',
      script,
    ]);
    expect(exports).toBe('begin,crc32c,inflaterBytes,step,syncfs');
  });

  it('ends with the exit code of its error, and leaves the volume empty', async () => {
    const volume = await newVolume();
    const env = { ...process.env, ...S3_KEYS, S3_BACKUP_URL: `s3://${bucket}/nothing-here`, S3_ENDPOINT };
    const variables = [...Object.keys(S3_KEYS), 'S3_BACKUP_URL', 'S3_ENDPOINT'].flatMap((name) => ['-e', name]);
    const outcome = await run(
      'docker',
      ['run', '--rm', '--network', 'host', ...variables, '-v', `${volume}:/data`, IMAGE],
      {
        env,
      },
    );
    expect(outcome).toMatchObject({ code: 12, stdout: '' });
    expect(outcome.stderr).toContain(`s3://${bucket}/nothing-here`);
    expect(await look(volume, 'ls -A /v')).toBe('');
  });
});
