import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { cutTablespace } from './parts/cut-tablespace.ts';
import { startFaultProxy } from './parts/fault-proxy.ts';
import { mustAskServer, mustExecIn } from './parts/in-container.ts';
import { makeLargeDisk } from './parts/large-disk.ts';
import { LATE_DIGEST, type LateTablespace, lateTablespace } from './parts/late-tablespace.ts';
import { ODO, odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { answersSoon } from './parts/server-answers.ts';
import { inVolume } from './parts/volume-shell.ts';

const DATA = '/var/lib/postgresql/data';
const MIB = 2 ** 20;

/** A volume on a file system of its own, of that size. */
const memory = (size: string) => `{ type: tmpfs, device: tmpfs, o: "size=${size}" }`;

/** Where the data of a service really lies, and who else has it in hand. */
describe('the place of the data', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  const strangers: string[] = [];

  beforeAll(async () => {
    ready = await readyRepository();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-place-'));
    fs.mkdirSync(path.join(folder, 'pg'));
    fs.mkdirSync(path.join(folder, 'new'));
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      services: `
  device:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["device:${DATA}"]
  spread:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["spread:${DATA}", "spaces:/ts"]
    profiles: [later]
  linked:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test, PGDATA: ${DATA}/current }
    volumes: ["linked:${DATA}", "./mine.conf:${DATA}/current/postgresql.conf:ro", "wal:/wal"]
    profiles: [later]
  bound:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["./bound:${DATA}"]
    profiles: [later]
  new:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["new:${DATA}"]
    profiles: [later]
  absent:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["./absent:${DATA}"]
    profiles: [later]
  narrow:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["narrow:${DATA}"]
    profiles: [later]
  apart:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["apart:${DATA}", "small:/ts"]
    profiles: [later]
  cramped:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test }
    volumes: ["cramped:${DATA}", "tiny:/ts"]
    profiles: [later]
  busy:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: test, POSTGRES_INITDB_ARGS: --no-sync, PGDATA: ${DATA}/pg }
    volumes: ["./disk:${DATA}"]
    profiles: [later]`,
      volumes: [
        `new: { driver_opts: { type: none, o: bind, device: ${folder}/new }, labels: { shop.kept: forever } }\n` +
          '  unused2',
        'spread',
        'spaces',
        'narrow',
        'linked',
        'apart',
        'cramped',
        `small: { driver_opts: ${memory('90m')}, labels: { shop.kept: here } }\n  unused3`,
        `tiny: { driver_opts: ${memory('40m')} }\n  unused4`,
        'wal',
        `device: { driver_opts: { type: none, o: bind, device: ${folder}/pg } }\n  unused`,
      ],
    });
    await project.up();
  });

  afterAll(async () => {
    for (const name of strangers) await run('docker', ['rm', '-fv', name]);
    const ofServers = ['-v', `${project.folder}:/f`, 'postgres:15', 'sh', '-c', 'rm -rf /f/absent /f/bound'];
    await run('docker', ['run', '--rm', '--network', 'host', ...ofServers]);
    await project?.down();
    await mustRun('docker', [
      'run',
      '--rm',
      '--network',
      'host',
      '-v',
      `${folder}:/f`,
      'postgres:15',
      'sh',
      '-c',
      'rm -rf /f/*',
    ]);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const sets = () => `s3://${ready.bucket}/sets`;
  const target = (service: string) => ['-v', service, '-n', service, '-f', project.file];

  /** As POSTGRES_INITDB_WALDIR has it, or a person whose disk was too small. */
  async function putWalOnItsOwnVolume(container: string): Promise<void> {
    await mustRun('docker', ['stop', '-t', '60', container]);
    const move = `cd ${DATA}/current && mv pg_wal /wal/main && chown 999:999 /wal && ln -s /wal/main pg_wal`;
    const argv = ['--volumes-from', container, 'postgres:15', 'sh', '-c', move];
    await mustRun('docker', ['run', '--rm', '--network', 'host', ...argv]);
    await mustRun('docker', ['start', container]);
    await until('the server answers', () => answersSoon(container));
  }

  /** A container that has something mounted at the data directory, and a server in it or not. */
  async function startStranger(source: string): Promise<string> {
    const name = `${project.name}-stranger-${strangers.push('') - 1}`;
    strangers.push(name);
    await mustRun('docker', [
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'none',
      '-v',
      `${source}:${DATA}`,
      'postgres:15',
      'sleep',
      '99',
    ]);
    return name;
  }

  it('one directory under two names: whoever has it in hand is named, and nothing is touched', async () => {
    await project.compose('stop', 'device');
    const digest = () => mustRun('sh', ['-c', `find ${folder}/pg | sort | sha256sum`]);
    const before = await digest();
    const byPath = await startStranger(path.join(folder, 'pg'));
    for (const args of [['-u', sets()], ['check', '-u', sets()], ['rollback'], ['promote'], ['clean']]) {
      const { code, stderr } = await odo([...args, ...target('device')]);
      expect([code, stderr], args[0]).toEqual([24, expect.stringContaining(`${byPath} (postgres:15, at ${DATA})`)]);
    }
    expect(await digest()).toBe(before);
    await mustRun('docker', ['rm', '-fv', byPath]);

    const root = await mustRun('docker', ['volume', 'inspect', '-f', '{{.Mountpoint}}', project.volume]);
    const byFolder = await startStranger(root);
    const { code, stderr } = await odo(['check', '-u', sets(), ...target('db')]);
    expect([code, stderr]).toEqual([24, expect.stringContaining(byFolder)]);
    await mustRun('docker', ['rm', '-fv', byFolder]);
  });

  it('a linked data directory is exchanged where it is, below a mounted file; linked WAL comes back', async () => {
    fs.writeFileSync(path.join(project.folder, 'mine.conf'), "work_mem = '7MB'\nlisten_addresses = '*'\n");
    await project.compose('create', 'linked');
    const script = 'cd /v && mkdir -p versions/15/main && ln -s versions/15/main current && chown -R 999:999 .';
    await inVolume(`${project.name}_linked`, script, 'postgres:15');
    const container = `${project.name}-linked-1`;
    const server = ['exec', '-u', 'postgres', container];
    const sql = (text: string) => mustRun('docker', [...server, 'psql', '-XAtqc', text]);
    const look = (command: string) => mustRun('docker', [...server, 'sh', '-c', `cd ${DATA}/current && ${command}`]);
    const restore = async (...more: string[]) => {
      const { code, stdout, stderr } = await odo(['-u', sets(), ...target('linked'), ...more, '--json']);
      expect(code, stderr).toBe(0);
      const receipt = JSON.parse(stdout);
      expect(receipt.dataDirectory).toBe(`${DATA}/versions/15/main`);
      expect([await sql(THINGS_DIGEST), await sql('show work_mem')]).toEqual([ready.inTheSets, '7MB']);
      expect(await look('find pg_wal -maxdepth 0 -type d')).toBe('pg_wal');
      return `${stderr}\n${receipt.notes.join('\n')}`;
    };
    expect(await restore()).not.toMatch(/pg_wal (is|was) a link/);
    await sql('create table of_before as select 1');
    await putWalOnItsOwnVolume(container);
    const told = await restore('--keep-previous');
    expect(told).toMatch(/"layout".*pg_wal is a link to \/wal\/main: the restored one will be a directory/);
    expect(told).toMatch(/^pg_wal was a link to \/wal\/main, and is a directory in the data directory now/m);
    await mustRun(process.execPath, [ODO, 'rollback', ...target('linked'), '--yes']);
    await until('the server answers', () => answersSoon(container));
    expect([await sql('select 1 from of_before'), await sql('show work_mem')]).toEqual(['1', '7MB']);
    expect(await look('readlink ../../../current pg_wal')).toBe('versions/15/main\n/wal/main');
    expect(await look('ls pg_wal | grep -c ^0')).not.toBe('0');
  });

  it('a missing volume is made with driver options and labels of the compose file; a missing path, too', async () => {
    await run('docker', ['volume', 'rm', '-f', `${project.name}_new`]);
    await odoReceipt(['-u', sets(), ...target('new')]);
    const inspected = JSON.parse(await mustRun('docker', ['volume', 'inspect', `${project.name}_new`]))[0];
    expect(inspected.Options).toEqual({ type: 'none', o: 'bind', device: `${folder}/new` });
    expect(inspected.Labels).toMatchObject({ 'shop.kept': 'forever', 'com.docker.compose.volume': 'new' });
    expect(fs.readFileSync(path.join(folder, 'new/PG_VERSION'), 'utf8').trim()).toBe('15');
    await project.compose('rm', '-sf', 'new');

    await odoReceipt(['-u', sets(), '-v', './absent', '-n', 'absent', '-f', project.file]);
    expect(fs.readFileSync(path.join(project.folder, 'absent/PG_VERSION'), 'utf8').trim()).toBe('15');
    await project.compose('rm', '-sf', 'absent');
  });

  it('a mount inside of the data directory, of which compose knows nothing, is refused by its name', async () => {
    const inside = path.join(project.folder, 'bound/pg_wal');
    fs.mkdirSync(inside, { recursive: true });
    await mustRun('mount', ['-t', 'tmpfs', 'none', inside]);
    try {
      const { code, stderr } = await odo(['-u', sets(), '-v', './bound', '-n', 'bound', '-f', project.file]);
      expect([code, stderr]).toEqual([24, expect.stringContaining(`mounted inside of ${DATA}, at ${DATA}/pg_wal`)]);
    } finally {
      await mustRun('umount', [inside]);
    }
  });

  it('a disk on which the server goes on writing is left room for that: --online ends before', async () => {
    const disk = await makeLargeDisk(path.join(project.folder, 'disk'));
    const proxy = await startFaultProxy();
    try {
      await project.compose('up', '-d', 'busy');
      const server = `${project.name}-busy-1`;
      await until('the server answers', () => answersSoon(server));
      await disk.leaveFree(370 * MIB);
      const part = /GET .*data\.tar/;
      const written = Promise.withResolvers<void>();
      proxy.fault(part, { do: 'withhold', fromByte: 400_000, until: written.promise });
      const url = ['-u', `s3://${ready.bucket}/backups`, '--endpoint', proxy.endpoint];
      const running = startOdo([...url, '-v', './disk', '-n', 'busy', '-f', project.file, '--online']);
      await Promise.race([proxy.passed(part, 300_000), running.outcome]);
      const before = await project.identity('busy');
      const write = (table: string) =>
        `create table ${table} as select repeat('x', 1900) from generate_series(1, 20000)`;
      await mustAskServer(server, write('meanwhile'));
      written.resolve();

      const { code, stderr } = await running.outcome;
      expect([code, stderr]).toEqual([
        23,
        expect.stringMatching(/error: .* has room for \d+ more bytes, and the next/),
      ]);
      expect(stderr).toContain('the same command goes on from there, odo clean removes it');
      expect(disk.freeBytes()).toBeGreaterThan(64 * MIB);
      expect(await project.identity('busy')).toBe(before);
      await mustAskServer(server, `${write('afterwards')}; checkpoint`);
    } finally {
      await proxy.close();
      await project.compose('rm', '-sf', 'busy');
      await disk.remove();
    }
  });

  describe('a tablespace on a file system of its own', () => {
    let url: string;
    const args = (service: string, ...more: string[]) => ['-u', url, ...target(service), ...more];
    const volumes = async () => {
      const all = ['volume', 'ls', '-q', '--filter', `label=com.docker.compose.project=${project.name}`];
      return (await mustRun('docker', all)).split('\n').filter((name) => /_(apart|small)$/.test(name));
    };

    beforeAll(async () => {
      url = `s3://${(await cutTablespace()).bucket}/whole`;
    });

    it('gets its missing volume as compose would make it; no dry run makes it, and no failure leaves it', async () => {
      await run('docker', ['volume', 'rm', '-f', ...['apart', 'small'].map((key) => `${project.name}_${key}`)]);
      const planned = await odoReceipt(args('apart', '--dry-run'));
      expect([planned.kind, await volumes()]).toEqual(['plan', []]);
      const proxy = await startFaultProxy();
      proxy.fault(/GET .*data\.tar\.gz/, { do: 'flip', atByte: 1_000_000 });
      const failed = await odo(args('apart', '--endpoint', proxy.endpoint)).finally(() => proxy.close());
      expect([failed.code, await volumes()], failed.stderr).toEqual([14, []]);

      await odoReceipt(args('apart'));
      const { Options, Labels } = JSON.parse(
        await mustRun('docker', ['volume', 'inspect', `${project.name}_small`]),
      )[0];
      expect(Options).toEqual({ type: 'tmpfs', device: 'tmpfs', o: 'size=90m' });
      expect(Labels).toMatchObject({ 'shop.kept': 'here', 'com.docker.compose.volume': 'small' });
      const sql = ['psql', '-XAtqc', 'select count(*) from orders union all select count(*) from invoices'];
      const server = `${project.name}-apart-1`;
      expect(await mustExecIn(server, sql, { user: 'postgres' })).toBe('10000\n10000');
      expect(await mustExecIn(server, ['df', '--output=fstype', '/ts'])).toBe('Type\ntmpfs');
    });

    it('is judged by its own share: too small a disk is refused by its name, one that just holds it not', async () => {
      await project.compose('create', 'cramped');
      const refused = await odo(args('cramped'));
      expect([refused.code, refused.stderr]).toEqual([
        23,
        expect.stringMatching(/error: not enough disk space for \/ts\/cut: 40\.0 MiB free, /),
      ]);
      expect(await inVolume(`${project.name}_cramped`, 'ls -A /v', 'postgres:15')).toBe('');
      const { proofs } = await odoReceipt(args('apart', '--dry-run'));
      const { state, evidence } = proofs.find(({ name }: { name: string }) => name === 'free space');
      expect([state, evidence]).toEqual([
        'held',
        expect.stringMatching(/\/ts\/cut: \d+\.\d MiB free.* for the backup/),
      ]);
    });
  });

  describe('a tablespace that was created after the backup', () => {
    let late: LateTablespace;
    const inSpread = (...argv: string[]) => mustExecIn(`${project.name}-spread-1`, argv, { user: 'postgres' });
    const sql = (text: string) => inSpread('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', text);
    const restore = (service: string, ...more: string[]) => [
      '-u',
      `s3://${late.bucket}/late`,
      ...target(service),
      ...more,
    ];

    beforeAll(async () => {
      late = await lateTablespace();
    });

    it('is refused without a volume for it, by the name of its directory, before anything is touched', async () => {
      await run('docker', ['volume', 'rm', '-f', `${project.name}_narrow`]);
      const { code, stderr } = await odo(restore('narrow'));
      expect([code, stderr]).toEqual([21, expect.stringMatching(/was created at \/ts\/late after the backup/)]);
      expect(stderr).toContain('- NAME:/ts/late');
      expect(await mustRun('docker', ['volume', 'ls', '-q', '--filter', `name=${project.name}_narrow`])).toBe('');
    });

    it('gets its directory in an empty place', async () => {
      await odoReceipt(restore('spread'));
      expect(await sql(LATE_DIGEST)).toBe(late.atTheEnd);
    });

    it('is out of the way of another moment, and comes back as it was', async () => {
      await sql('insert into late select n, md5(n::text) from generate_series(5001, 10000) n');
      await sql('checkpoint');
      const before = await sql(LATE_DIGEST);
      await odoReceipt(restore('spread', '--target-time', late.moment, '--target-action', 'pause'));
      expect(await sql(LATE_DIGEST)).toBe(late.atTheMoment);
      expect(await inSpread('sh', '-c', 'ls /ts/late/.odo/previous')).toMatch(/^PG_15_/);
      await mustRun(process.execPath, [ODO, 'rollback', ...target('spread')]);
      await until('the old server answers', () => answersSoon(`${project.name}-spread-1`));
      expect(await sql(LATE_DIGEST)).toBe(before);
      await inSpread('pg_amcheck', '--install-missing', '--heapallindexed', '-d', 'postgres');
      expect(await inSpread('ls', '-A', '/ts/late')).toMatch(/^PG_15_\d+$/);
    });

    it("is another volume in a copy, and the service's own stays as it is", async () => {
      const before = await sql(LATE_DIGEST);
      const { temporary } = await odoReceipt(restore('spread', '--temporary', '--target-time', late.moment));
      const inCopy = ['exec', temporary.name, 'psql', '-XAtq', '-d', 'postgres', '-c'];
      expect(await mustRun('docker', [...inCopy, LATE_DIGEST])).toBe(late.atTheMoment);
      await mustRun(process.execPath, [ODO, 'temporary', 'stop', temporary.name]);
      expect(await sql(LATE_DIGEST)).toBe(before);
      expect(await mustRun('docker', ['volume', 'ls', '-q', '--filter', `name=${temporary.name}`])).toBe('');
    });
  });
});
