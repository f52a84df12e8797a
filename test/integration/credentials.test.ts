import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { KEY_SECRET, type KeyServices, SIGN_ON_PROFILE, startKeyServices } from './parts/key-services.ts';
import { odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { openToEverybody, S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';
import { startTokenServer, type TokenServer } from './parts/token-server.ts';

/** See scripts/parts/other-s3: it plays the service that gives out temporary keys. */
const STS = 'http://127.0.0.1:7495';

interface AwsFiles {
  config: string;
  credentials: string;
}

/**
 * Keys that are named rather than given; the restore container sees neither the files nor the environment that they
 * come from.
 */
describe('a service restored with keys', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  let server: TokenServer;
  let services: KeyServices;

  beforeAll(async () => {
    ready = await readyRepository();
    await openToEverybody(ready.bucket);
    server = await startTokenServer();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-credentials-'));
    services = await startKeyServices(folder, 3_600_000);
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    await server?.close();
    await services?.close();
    if (folder) fs.rmSync(folder, { recursive: true });
  });

  /** Runs the command with this AWS configuration in files, and neither keys nor an endpoint in the environment. */
  const odoWith = (files: AwsFiles, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    odo(args, { env: { ...environmentOf(files), ...env } });

  function environmentOf(files: AwsFiles): NodeJS.ProcessEnv {
    for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
    const without = ['AWS_PROFILE', 'S3_ENDPOINT', ...Object.keys(S3_KEYS)].map((name) => [name, undefined]);
    const where = {
      AWS_CONFIG_FILE: path.join(folder, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: path.join(folder, 'credentials'),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    return { ...Object.fromEntries(without), ...where };
  }

  async function restore(...how: Parameters<typeof odoWith>) {
    const [files, flags, env] = how;
    await project.sql('drop table if exists things');
    const service = [
      '-v',
      'db',
      '-n',
      'db',
      '-f',
      project.file,
      '--wipe',
      '--yes',
      '--accept-loss',
      '--allow-different-cluster',
    ];
    const outcome = await odoWith(files, ['-u', `s3://${ready.bucket}/backups`, ...service, ...flags], env);
    for (const secret of [S3_KEYS.AWS_SECRET_ACCESS_KEY, KEY_SECRET, ...server.seen]) {
      expect(outcome.stdout + outcome.stderr).not.toContain(secret);
    }
    return outcome;
  }

  const KEYS = `[shop]
aws_access_key_id = ${S3_KEYS.AWS_ACCESS_KEY_ID}
aws_secret_access_key = ${S3_KEYS.AWS_SECRET_ACCESS_KEY}
`;

  it('of a named profile, which also says where the server is', async () => {
    const files = { config: `[profile shop]\nregion = us-east-1\nendpoint_url = ${S3_ENDPOINT}\n`, credentials: KEYS };
    const { code, stderr } = await restore(files, ['--profile', 'shop']);
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);

    const list = ['list', '-u', `s3://${ready.bucket}/backups`];
    expect((await odoWith(files, list, { AWS_PROFILE: 'shop' })).stdout).toContain(ready.barmanId);
    const unknown = await odoWith(files, [...list, '--profile', 'shops']);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.stderr).toContain('the AWS configuration has no profile shops');
  });

  it('of a role that a profile assumes', async () => {
    const role = 'role_arn = arn:aws:iam::123456789012:role/restore\nsource_profile = shop\nduration_seconds = 900\n';
    const files = {
      config: `[profile on-call]\n${role}region = us-east-1\nendpoint_url = ${server.endpoint}\n`,
      credentials: KEYS,
    };
    const { code, stderr } = await restore(files, ['--profile', 'on-call'], {
      AWS_ENDPOINT_URL_STS: STS,
      AWS_ENDPOINT_URL_S3: server.endpoint,
    });
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    // One for the checks, one for the restore container.
    expect(server.seen.size).toBeGreaterThan(1);

    const gone = await restore(files, ['--profile', 'on-call', '--retry-for', '1'], {
      AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:9',
    });
    expect(gone).toMatchObject({ code: 10 });
    expect(gone.stderr).toContain('cannot reach the service that gives out the S3 keys of profile on-call');
  });

  it('of a web identity, exchanged at STS', async () => {
    const file = path.join(folder, 'identity');
    fs.writeFileSync(file, 'who-this-pod-is');
    server.seen.clear();
    const identity = { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/restore', AWS_WEB_IDENTITY_TOKEN_FILE: file };
    const { code, stderr } = await restore({ config: '', credentials: '' }, ['--endpoint', server.endpoint], {
      ...identity,
      AWS_ENDPOINT_URL_STS: STS,
    });
    expect(code, stderr).toBe(0);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(server.seen.size).toBeGreaterThan(0);
  });

  it.each([
    ['the instance that it runs on', 'instance'],
    ['the container that it runs in', 'container'],
    ['a single sign-on', 'sign-on'],
  ] as const)('of %s', async (_whose, source) => {
    server.seen.clear();
    const before = services.issued().length;
    const files = { config: SIGN_ON_PROFILE, credentials: '' };
    const { code, stderr } = await restore(
      files,
      ['--endpoint', server.endpoint, '--json'],
      services.environment(source),
    );
    expect(code, stderr).toBe(0);
    // Nothing but events: the SDK must not write of its own.
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('type');
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    const issued = new Set(services.issued().slice(before));
    expect(server.seen.size).toBeGreaterThan(0);
    for (const token of server.seen) expect(issued).toContain(token);
  });

  it('that end in the middle, and goes on with others that are renewed in time', async () => {
    const BASE = /^GET .*data\.tar/;
    await project.sql('create table if not exists before_this as select 1');
    // Ranges of 4 MiB, one after the other, so that there are requests to come.
    const service = ['-v', 'db', '-n', 'db', '-f', project.file, '--memory', '192M', '--connections', '1'];
    const command = ['-u', `s3://${ready.bucket}/backups`, '--endpoint', server.endpoint, ...service];
    const before = server.count(BASE).bytes;
    const given = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'hush', AWS_SESSION_TOKEN: 'given-token' };
    void server.passed(BASE, before + 1_000_000).then(() => server.ended.add('given-token'));
    const { code, stderr } = await odoWith({ config: '', credentials: '' }, command, given);
    expect(code, stderr).toBe(11);
    expect(stderr).toContain(`the credentials for bucket ${ready.bucket} have expired`);
    expect(stderr).toContain('the same command goes on from there');
    expect(stderr).not.toMatch(/hush|given-token/);
    // It was started again, which takes its time.
    await project.up();
    expect(await project.sql('select count(*) from before_this')).toBe('1');

    // Keys for twelve seconds; each set is another one, and noted.
    const issued = path.join(folder, 'issued');
    const script = path.join(folder, 'process.sh');
    const keys = '{"Version":1,"AccessKeyId":"key","SecretAccessKey":"hush","SessionToken":"%s","Expiration":"%s"}';
    fs.writeFileSync(
      script,
      `token=token-$(date +%s%N); echo $token >> ${issued}
printf '${keys}' $token "$(date -u -d '+12 seconds' +%FT%TZ)"`,
    );
    const tokensIssued = () => fs.readFileSync(issued, 'utf8').trim().split('\n');
    const release = Promise.withResolvers<void>();
    server.fault(BASE, { do: 'withhold', fromByte: 500_000, until: release.promise });
    const requests = server.count(BASE).requests;
    const files = {
      config: `[profile short]\nregion = us-east-1\ncredential_process = sh ${script}\n`,
      credentials: '',
    };
    const running = startOdo([...command, '--profile', 'short'], { env: environmentOf(files) });
    try {
      // The first request is a proof's.
      await until('the base backup is laid down', async () => server.count(BASE).requests > requests + 1);
      const atFirst = tokensIssued().length;
      // When the second renewal is made, the first has long come.
      await until('keys were renewed twice', async () => tokensIssued().length >= atFirst + 2, 120_000);
      for (const token of tokensIssued().slice(0, atFirst)) server.ended.add(token);
    } finally {
      release.resolve();
    }
    const outcome = await running.outcome;
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(outcome.stderr).not.toMatch(/hush|token-\d/);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    const renewed = tokensIssued().filter((token) => server.seen.has(token) && !server.ended.has(token));
    expect(renewed.length).toBeGreaterThan(0);
  });
});
