import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { mustExecIn } from './parts/in-container.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { OWN } from './parts/own.ts';
import { pgBasebackup } from './parts/pg-basebackup.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { createBucket, emptyBucket, putObject } from './parts/s3.ts';
import { answersSoon } from './parts/server-answers.ts';
import { restoreContainers } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';

/** The ways in which compose services differ. */
describe('compose services', () => {
  let ready: ReadyRepository;
  let bucket: string;
  let project: ComposeProject;
  let override: string;
  let proxy: FaultProxy | undefined;

  beforeAll(async () => {
    ready = await readyRepository();
    bucket = await createBucket();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: '    restart: always',
      services: `
  nested:
    image: postgres:15
    environment: { POSTGRES_USER: shop, POSTGRES_PASSWORD: test, PGDATA: ${DATA}/cluster/main }
    volumes: ["nested:${DATA}"]
  bound:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["./pgdata:${DATA}"]
  fresh:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["fresh:${DATA}"]
    profiles: [later]`,
      volumes: ['nested', 'fresh'],
    });
    override = path.join(project.folder, 'override.yaml');
    fs.writeFileSync(override, 'services:\n  db:\n    command: ["postgres", "-c", "work_mem=9MB"]\n');
    await project.up();
    await untilAnswering('nested');
    await untilAnswering('bound');
  });

  afterAll(async () => {
    await proxy?.close();
    if (project) {
      await project.compose('rm', '-sf', 'bound');
      // What the server wrote there belongs to another user.
      const remove = ['--entrypoint', 'rm', '-v', `${project.folder}:/f`, 'postgres:15', '-rf', '/f/pgdata'];
      await run('docker', ['run', '--rm', '--network', 'host', ...remove]);
    }
    await project?.down();
    if (bucket) await emptyBucket(bucket);
  });

  const sets = () => `s3://${ready.bucket}/sets`;

  function sqlIn(service: string, text: string, user = 'postgres'): Promise<string> {
    const ask = ['psql', '-XAtq', '-U', user, '-d', 'postgres', '-c', text];
    return mustExecIn(`${project.name}-${service}-1`, ask, { user: 'postgres' });
  }

  /** The server that the entry point starts to make the cluster answers on its socket only. */
  function untilAnswering(service: string): Promise<void> {
    return until(`${service} answers`, () => answersSoon(`${project.name}-${service}-1`));
  }

  it("takes the volume's real name and several -f, and starts the very container that was there", async () => {
    const files = ['-f', project.file, '-f', override];
    await mustRun('docker', ['compose', '--progress', 'quiet', ...files, 'up', '-d', 'db']);
    const id = await project.containerId('db');
    const { service, volume } = await odoReceipt(['-u', sets(), '-v', project.volume, '-n', 'db', ...files]);
    expect({ service, volume }).toEqual({ service: 'db', volume: `${project.name}_db` });
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect(await project.sql('show work_mem')).toBe('9MB');
    expect(await project.containerId('db')).toBe(id);
    expect(
      await mustRun('docker', ['inspect', '-f', '{{.HostConfig.RestartPolicy.Name}} {{.State.Running}}', id]),
    ).toBe('always true');
  });

  describe('a project that needs more than -f', () => {
    let folder: string;
    let flags: string[];
    const compose = (...args: string[]) => mustRun('docker', ['compose', '--progress', 'quiet', ...flags, ...args]);

    beforeAll(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-env-'));
      fs.mkdirSync(path.join(folder, 'deploy'));
      const file = path.join(folder, 'deploy', 'compose.yaml');
      fs.writeFileSync(
        file,
        `services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    command: ["postgres", "-c", "work_mem=\${PGMEM}"]
    volumes: ["db:${DATA}", "./conf:/conf:ro"]
volumes:
  db: { name: "\${PGVOL}" }
`,
      );
      fs.mkdirSync(path.join(folder, 'conf'));
      const variables = path.join(folder, 'prod.env');
      fs.writeFileSync(variables, `PGVOL=odo-test-env-${OWN}\nPGMEM=11MB\n`);
      flags = ['--env-file', variables, '--project-directory', folder, '-f', file];
      await compose('create');
    });

    afterAll(async () => {
      if (flags) await run('docker', ['compose', ...flags, 'down', '-v', '-t', '5']);
      if (folder) fs.rmSync(folder, { recursive: true, force: true });
    });

    const args = (...more: string[]) => ['-u', sets(), '-v', 'db', '-n', 'db', ...more];

    it('is refused with what compose says when that is left out, and when another project comes of it', async () => {
      const file = flags.slice(-2);
      const blank = await odo(args(...file));
      expect(blank.code, blank.stderr).toBe(21);
      expect(blank.stderr).toContain('The "PGVOL" variable is not set');
      const other = await odo(args(...file), { env: { PGVOL: 'elsewhere', PGMEM: '1MB' } });
      expect(other.code, other.stderr).toBe(21);
      expect(other.stderr).toMatch(
        /has no container in project deploy, but it has one in odo-test-env-.*--project-name/s,
      );
    });

    it('is restored with the same flags as compose gets, and its commands are told with them', async () => {
      await compose('rm', '-sf', 'db');
      const receipt = await odoReceipt(args(...flags, '--target', 'immediate', '--target-action', 'pause'));
      expect(receipt.volume).toBe(`odo-test-env-${OWN}`);
      const words = flags.join(' ');
      expect(receipt.notes).toContainEqual(expect.stringContaining(`docker compose ${words} exec -u postgres db psql`));
      expect(receipt.notes).toContainEqual(expect.stringContaining(`odo promote -v db -n db ${words}`));
      expect(await compose('exec', '-T', '-u', 'postgres', 'db', 'psql', '-XAtqc', 'show work_mem')).toBe('11MB');
      expect(await compose('exec', '-T', 'db', 'ls', '-d', '/conf')).toBe('/conf');
    });
  });

  it('lets compose make the container of a service that has none, from all files', async () => {
    await project.compose('rm', '-sf', 'db');
    await odoReceipt(['-u', sets(), '-v', 'db', '-n', 'db', '-f', project.file, '-f', override]);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect(await project.sql('show work_mem')).toBe('9MB');
    expect((await project.compose('ps', '-q')).split('\n')).toHaveLength(4);
  });

  describe('a service that was never there', () => {
    const fresh = () => `${project.name}_fresh`;
    const args = (...more: string[]) => ['-u', sets(), '-v', 'fresh', '-n', 'fresh', '-f', project.file, ...more];
    const volumes = () => mustRun('docker', ['volume', 'ls', '-q', '--filter', `name=${fresh()}`]);

    it('a dry run makes no volume, and neither does a failure leave one', async () => {
      const { owner } = await odoReceipt(args('--dry-run'));
      expect(owner).toEqual({ uid: 999, gid: 999 });
      expect(await volumes()).toBe('');
      proxy = await startFaultProxy();
      proxy.fault(/GET .*base\.tar\.gz/, { do: 'flip', atByte: 4_000_000 });
      const { code, stderr } = await odo(args('--endpoint', proxy.endpoint));
      expect(code, stderr).toBe(14);
      expect(await volumes()).toBe('');
      expect(await restoreContainers(fresh())).toBe('');
      expect(
        await mustRun('docker', [
          'ps',
          '-aq',
          '--filter',
          `label=com.docker.compose.project=${project.name}`,
          '--filter',
          'label=com.docker.compose.service=fresh',
        ]),
      ).toBe('');
    });

    it('gets a volume and a container that compose takes for its own', async () => {
      await odoReceipt(args());
      expect(await sqlIn('fresh', THINGS_DIGEST)).toBe(ready.inTheSets);
      const label = (name: string) =>
        mustRun('docker', ['volume', 'inspect', '-f', `{{index .Labels "com.docker.compose.${name}"}}`, fresh()]);
      expect([await label('project'), await label('volume')]).toEqual([project.name, 'fresh']);
      const { stderr } = await run('docker', ['compose', '-f', project.file, 'up', '-d', '--no-recreate', 'fresh']);
      expect(stderr).not.toMatch(/volume .* already exists/);
    });
  });

  it('PGDATA below the mount and a superuser of another name: only PGDATA is exchanged, and ODO logs in', async () => {
    await sqlIn('nested', "create table mine as select 'from shop' as what", 'shop');
    await uploadBaseBackup('nested', 'shop');
    await sqlIn('nested', 'drop table mine', 'shop');
    await project.compose('exec', '-T', 'nested', 'sh', '-c', `echo kept > ${DATA}/notes.txt`);
    const receipt = await odoReceipt([
      '-u',
      `s3://${bucket}/nested`,
      '-v',
      'nested',
      '-n',
      'nested',
      '-f',
      project.file,
      // Nobody misses that the table was dropped since the backup.
      '--accept-loss',
    ]);
    expect(receipt.dataDirectory).toBe(`${DATA}/cluster/main`);
    expect(await sqlIn('nested', 'select what from mine', 'shop')).toBe('from shop');
    expect(await project.compose('exec', '-T', 'nested', 'sh', '-c', `ls -A ${DATA}; cat ${DATA}/notes.txt`)).toBe(
      'cluster\nnotes.txt\nkept',
    );
  });

  it('a service whose superuser is not the one of the backup', async () => {
    await odoReceipt(['-u', sets(), '-v', 'nested', '-n', 'nested', '-f', project.file]);
    expect(await sqlIn('nested', THINGS_DIGEST)).toBe(ready.inTheSets);
  });

  it('a bind mount, by the path that stands in the compose file, wherever the command runs', async () => {
    const args = ['-u', sets(), '-v', './pgdata', '-n', 'bound'];
    await odoReceipt([...args, '-f', 'compose.yaml'], { cwd: project.folder });
    expect(await sqlIn('bound', THINGS_DIGEST)).toBe(ready.inTheSets);
    await sqlIn('bound', 'create table since as select 1');
    const { volume } = await odoReceipt([...args, '-f', project.file], { cwd: os.tmpdir() });
    expect(volume).toBe(path.join(project.folder, 'pgdata'));
    expect(await sqlIn('bound', "select to_regclass('since') is null")).toBe('t');
  });

  /** Takes a pg_basebackup of a service and puts it into the bucket, below the service's name. */
  async function uploadBaseBackup(service: string, user: string): Promise<void> {
    const local = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-basebackup-'));
    try {
      await pgBasebackup(await project.containerId(service), local, '-U', user, '-z');
      for (const file of fs.readdirSync(local)) {
        await putObject(bucket, `${service}/20251024T022608/${file}`, fs.readFileSync(path.join(local, file)));
      }
    } finally {
      fs.rmSync(local, { recursive: true, force: true });
    }
  }
});
