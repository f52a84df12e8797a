import fs from 'node:fs';
import type http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { openToEverybody, S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';

/** See scripts/parts/other-s3: it plays the service that gives out temporary keys. */
const STS = 'http://127.0.0.1:7495';

/** Keys that are named rather than given; the restore container sees neither the files nor the environment that they come from. */
describe('a service restored with keys', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  /** An S3 server that takes temporary keys alone, and the tokens of those that came. */
  let server: FaultProxy;
  const tokens = new Set<string>();

  beforeAll(async () => {
    ready = await readyRepository();
    await openToEverybody(ready.bucket);
    server = await startFaultProxy(admit);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-credentials-'));
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
  });

  afterAll(async () => {
    await project?.down();
    await server?.close();
    if (folder) fs.rmSync(folder, { recursive: true });
  });

  function admit({ headers }: http.IncomingMessage) {
    const token = headers['x-amz-security-token'];
    if (typeof token !== 'string') return { do: 'answer', status: 403, code: 'AccessDenied' } as const;
    tokens.add(token);
    return undefined;
  }

  /** Runs the command with this AWS configuration in files, and neither keys nor an endpoint in the environment. */
  function odoWith(files: { config: string; credentials: string }, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
    const without = ['AWS_PROFILE', 'S3_ENDPOINT', ...Object.keys(S3_KEYS)].map((name) => [name, undefined]);
    const where = {
      AWS_CONFIG_FILE: path.join(folder, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: path.join(folder, 'credentials'),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    return odo(args, { env: { ...Object.fromEntries(without), ...where, ...env } });
  }

  async function restore(...how: Parameters<typeof odoWith>) {
    const [files, flags, env] = how;
    await project.sql('drop table if exists things');
    const service = ['-v', 'db', '-n', 'db', '-f', project.file, '--wipe', '--yes', '--allow-different-cluster'];
    const outcome = await odoWith(files, ['-u', `s3://${ready.bucket}/backups`, ...service, ...flags], env);
    expect(outcome.stdout + outcome.stderr).not.toContain(S3_KEYS.AWS_SECRET_ACCESS_KEY);
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
    expect(tokens.size).toBeGreaterThan(1);

    const gone = await restore(files, ['--profile', 'on-call', '--retry-for', '1'], {
      AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:9',
    });
    expect(gone).toMatchObject({ code: 10 });
    expect(gone.stderr).toContain('cannot reach the service that gives out the S3 keys of profile on-call');
  });
});
