import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { ODO, odo } from './parts/odo.ts';
import { type ReadyRepository, readyRepository } from './parts/ready-repository.ts';
import { run } from './parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';

interface ToldProof {
  name: string;
  state: string;
  evidence: string;
  error?: { code: string; exitCode: number };
}

/** What is told before anything is touched. */
describe('the checks', () => {
  let repository: ReadyRepository;
  let project: ComposeProject;
  let proxy: FaultProxy;
  let before: string;

  beforeAll(async () => {
    repository = await readyRepository();
    project = writeProject({ image: 'postgres:15', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    before = await project.identity('db');
  });

  beforeEach(async () => {
    proxy = await startFaultProxy();
  });

  afterEach(async () => {
    await proxy.close();
    expect(await project.identity('db')).toBe(before);
    expect(await project.inVolume('ls -d /v/.odo 2>/dev/null || echo none')).toBe('none');
  });

  afterAll(() => project?.down());

  const url = () => `s3://${repository.bucket}/backups/shop`;
  const args = (...more: string[]) => ['-u', url(), '-v', 'db', '-n', 'db', '-f', project.file, ...more];
  const throughProxy = () => ({ env: { S3_ENDPOINT: proxy.endpoint } });

  async function report(words: readonly string[], options: Parameters<typeof odo>[1] = {}) {
    const { code, stdout, stderr } = await odo([...words, '--json'], options);
    const document = JSON.parse(stdout || 'null');
    return { code, stderr, document, proofs: (document?.proofs ?? []) as ToldProof[] };
  }

  const named = (proofs: readonly ToldProof[], name: string) => proofs.find((proof) => proof.name === name);

  it('all hold: a line each, the plan, and exit code 0', async () => {
    const { code, stdout, stderr } = await odo(['check', ...args()]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('a restore would start');
    const told = [...stderr.matchAll(/ {2}held {4}([^:]+): (.+)/g)].map(([, name]) => name);
    const all = [
      'docker',
      'restore image',
      'service',
      'volume',
      'nobody else',
      'store',
      'repository',
      'clock',
      'backup',
      'WAL',
    ];
    const more = ['PostgreSQL version', 'command line', 'tablespaces', 'lock', 'volume content', 'free space', 'owner'];
    expect(told).toEqual(expect.arrayContaining([...all, ...more]));
    expect(stderr).toMatch(/warning same cluster: the old data is of another cluster \(\d+\) than the backup \(\d+\)/);
    expect(new Set(told).size).toBe(told.length);
  });

  it('all hold: as data', async () => {
    const { code, document, proofs } = await report(['check', ...args()]);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      kind: 'check',
      ok: true,
      plan: { kind: 'plan', backup: { id: repository.barmanId } },
    });
    expect(document.error).toBeUndefined();
    expect(document.plan.proofs).toEqual(proofs);
    for (const proof of proofs)
      expect(proof).toMatchObject({ name: expect.any(String), evidence: expect.stringMatching(/\w/) });
  });

  it('all hold with nothing on the command line: what is asked for stands in odo.yaml and .env', async () => {
    const folder = fs.mkdtempSync(path.join(project.folder, 'config-'));
    const options = {
      's3-url': url(),
      volume: 'db',
      service: 'db',
      'compose-file': project.file,
      endpoint: S3_ENDPOINT,
    };
    fs.writeFileSync(path.join(folder, 'odo.yaml'), JSON.stringify(options));
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = S3_KEYS;
    fs.writeFileSync(
      path.join(folder, '.env'),
      `AWS_ACCESS_KEY=${AWS_ACCESS_KEY_ID}\nAWS_SECRET_KEY=${AWS_SECRET_ACCESS_KEY}\n`,
    );
    const env = { S3_ENDPOINT: '', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const { code, document } = await report(['check'], { env, cwd: folder });
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, plan: { backup: { id: repository.barmanId }, volume: project.volume } });

    const settings = await odo(['config'], { env, cwd: folder });
    expect(settings.stdout).toMatch(/^volume +db +config \(odo\.yaml\)$/m);
    expect(settings.stdout).toMatch(/^aws-secret-key +\*\*\* +\.env \(AWS_SECRET_KEY\)$/m);
    expect(settings.stdout + settings.stderr).not.toContain(AWS_SECRET_ACCESS_KEY);
    const quiet = await odo(['check', '--quiet'], { env, cwd: folder });
    expect(quiet).toMatchObject({ code: 0, stdout: expect.stringMatching(/a restore would start/) });
    expect(quiet.stderr).not.toMatch(/ held /);
  });

  it('are printed with the plan of a dry run', async () => {
    const { code, document } = await report([...args(), '--dry-run']);
    expect(code).toBe(0);
    expect(document).toMatchObject({ kind: 'plan', volume: project.volume, service: 'db' });
    expect(named(document.proofs, 'free space')?.evidence).toMatch(/[\d.]+ \w+ free, [\d.]+ \w+ needed/);
    expect(document.steps.length).toBeGreaterThan(3);
  });

  it('fail at once in three places: all are told, and the first gives the exit code', async () => {
    const wrong = [
      '-u',
      url(),
      '-v',
      'nosuch',
      '-n',
      'db',
      '-f',
      project.file,
      '-c',
      path.join(project.folder, 'nosuch'),
    ];
    const { code, document, proofs } = await report(['check', ...wrong], {
      env: { AWS_SECRET_ACCESS_KEY: 'not-the-secret' },
    });
    expect(code).toBe(3);
    expect(document).toMatchObject({ kind: 'check', ok: false, error: { code: 'noReplacementConf', exitCode: 3 } });
    expect(document.plan).toBeUndefined();
    const failed = proofs.filter(({ state }) => state === 'failed').map(({ name, error }) => [name, error?.exitCode]);
    expect(failed).toEqual([
      ['replacement conf', 3],
      ['volume', 21],
      ['repository', 11],
    ]);
    expect(named(proofs, 'service')?.state).toBe('held');
    expect(JSON.stringify(document)).not.toContain('not-the-secret');
  });

  it('of a store that cannot be reached leave Docker to be judged, and the other way round', async () => {
    await proxy.close();
    const noStore = await report(['check', ...args()], throughProxy());
    expect(noStore.code).toBe(10);
    expect(named(noStore.proofs, 'volume content')?.state).toBe('held');
    const noDocker = await report(['check', ...args()], { env: { DOCKER_HOST: 'unix:///nosuch/docker.sock' } });
    expect(noDocker.code).toBe(20);
    expect(named(noDocker.proofs, 'WAL')?.state).toBe('held');
  });

  it('tell of a PostgreSQL that does not fit', async () => {
    const other = path.join(project.folder, 'other.yaml');
    fs.writeFileSync(other, fs.readFileSync(project.file, 'utf8').replaceAll('postgres:15', 'postgres:17'));
    const wrong = ['-u', url(), '-v', 'db', '-n', 'db', '-f', other, '--project-name', `${project.name}-other`];
    const { code, proofs } = await report(['check', ...wrong]);
    expect(code).toBe(22);
    expect(named(proofs, 'PostgreSQL version')?.evidence).toContain('postgres:17 runs 17');
    expect(proofs.filter(({ state }) => state === 'failed')).toHaveLength(1);
  });

  it('refuse a restore whose server would archive by its command line, unless it is to', async () => {
    const file = path.join(project.folder, 'archiving.yaml');
    const command = '  db:\n    command: ["postgres", "-c", "archive_mode=on"]\n';
    fs.writeFileSync(file, fs.readFileSync(project.file, 'utf8').replace('  db:\n', command));
    const name = `${project.name}-archiving`;
    const wrong = ['-u', url(), '-v', 'db', '-n', 'db', '-f', file, '--project-name', name];
    const { code, stderr } = await odo(wrong);
    expect([code, stderr]).toEqual([
      21,
      expect.stringMatching(/error: the command line of service db sets archive_mode=on, which no configuration file/),
    ]);
    expect(stderr).toMatch(/hint: if that is wanted, add --archive-mode keep; otherwise take it out of the compose/);
    expect((await run('docker', ['volume', 'inspect', `${name}_db`])).code).not.toBe(0);
    const wanted = await report([...wrong, '--archive-mode', 'keep', '--dry-run']);
    expect(wanted.code, wanted.stderr).toBe(0);
    expect(named(wanted.document.proofs, 'command line')).toMatchObject({
      state: 'warning',
      evidence: expect.stringMatching(/would archive its new timeline .*, as --archive-mode keep allows$/),
    });
  });

  it('warn of a clock that is off', async () => {
    proxy.fault(/./, { do: 'ahead', byMs: 300_000 });
    const { code, document, proofs } = await report(['check', ...args()], throughProxy());
    expect(code).toBe(0);
    expect(document.ok).toBe(true);
    expect(named(proofs, 'clock')).toMatchObject({ state: 'warning' });
    expect(named(proofs, 'clock')?.evidence).toMatch(/^this machine's clock is (299|300|301) s behind the store's/);
  });

  it('fail on a clock that the store does not accept', async () => {
    proxy.fault(/./, { do: 'answer', status: 403, code: 'RequestTimeTooSkewed' });
    const { code, document } = await report(['check', ...args()], throughProxy());
    expect(code).toBe(11);
    expect(document.error.message).toContain('the clock of this machine');
    expect(document.error.hint).toContain('set the clock');
  });

  it('of a directory', async () => {
    const into = path.join(project.folder, 'pgdata');
    expect(await report(['check', '-u', url(), '--into', into])).toMatchObject({
      code: 0,
      document: { kind: 'check', ok: true },
    });
    expect(fs.existsSync(into)).toBe(false);
    // As where root is nobody: on NFS with root_squash, on CIFS, on vfat.
    const argv = ['--bounding-set', '-chown', process.execPath, ODO, '-u', url(), '--into', into];
    const squashed = await run('setpriv', argv, { env: { ...process.env, ...S3_KEYS, S3_ENDPOINT } });
    expect([squashed.code, squashed.stderr]).toEqual([
      24,
      expect.stringMatching(/could not give a file in it to 999:999 \(EPERM\)/),
    ]);
    expect(fs.existsSync(into)).toBe(false);
    fs.mkdirSync(into);
    fs.writeFileSync(path.join(into, 'thesis.txt'), '');
    const { code, proofs } = await report(['check', '-u', url(), '--into', into]);
    expect(code).toBe(24);
    expect(named(proofs, 'target')?.evidence).toContain('thesis.txt');
    expect(fs.readdirSync(into)).toEqual(['thesis.txt']);
  });
});
