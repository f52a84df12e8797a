import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { mustExecIn } from './parts/in-container.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { S3_KEYS } from './parts/s3.ts';
import { restoreContainers } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';

/** A second database beside the running service. */
describe('a temporary server', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let identity: string;

  beforeAll(async () => {
    ready = await readyRepository();
    project = writeProject({
      image: 'postgres:15',
      mountAt: DATA,
      extra: `      - ./server.conf:/etc/server.conf:ro
      - sockets:/var/run/postgresql
    command: ["postgres", "-c", "config_file=/etc/server.conf", "-c", "archive_mode=on"]
    shm_size: 300mb
    ulimits: { nofile: { soft: 2000, hard: 4000 } }
    secrets: [server.crt, server.key]`,
      volumes: ['sockets'],
    });
    fs.appendFileSync(
      project.file,
      'secrets:\n  server.crt: { file: ./server.crt }\n  server.key: { file: ./server.key }\n',
    );
    for (const [name, source] of [
      ['server.crt', 's3.crt'],
      ['server.key', 's3.key'],
    ] as const) {
      fs.copyFileSync(new URL(`../../.cache/tls/${source}`, import.meta.url), path.join(project.folder, name));
    }
    // The server takes a key of its own user, whom the image calls postgres.
    fs.chmodSync(path.join(project.folder, 'server.key'), 0o600);
    fs.chownSync(path.join(project.folder, 'server.key'), 999, 999);
    fs.writeFileSync(
      path.join(project.folder, 'server.conf'),
      "listen_addresses = '*'\narchive_command = 'touch /tmp/archived'\nwork_mem = '5MB'\n" +
        "ssl = on\nssl_cert_file = '/run/secrets/server.crt'\nssl_key_file = '/run/secrets/server.key'\n",
    );
    await project.up();
    await project.sql("create table of_the_service as select 'alive' as what");
    identity = await project.identity('db');
  });

  afterAll(async () => {
    for (const { name } of await ours()) await odo(['temporary', 'stop', name]);
    await project?.down();
  });

  const args = (...more: string[]) => [
    '-u',
    `s3://${ready.bucket}/backups`,
    '-v',
    'db',
    '-n',
    'db',
    '-f',
    project.file,
    ...more,
  ];
  const inServer = (name: string, sql: string) => mustExecIn(name, ['psql', '-XAtq', '-c', sql]);
  /** Other tests may have temporary servers too. */
  const ours = async (): Promise<{ name: string; state: string; port?: number; backupId: string }[]> => {
    const { servers } = JSON.parse((await odo(['temporary', 'list', '--json'])).stdout);
    return servers.filter(({ service }: { service: string }) => service === `${project.name}/db`);
  };
  const volumes = () => mustRun('docker', ['volume', 'ls', '-q', '--filter', `label=odo.service=${project.name}/db`]);

  async function expectServiceUntouched(): Promise<void> {
    expect(await project.identity('db')).toBe(identity);
    expect(await project.sql('select what from of_the_service')).toBe('alive');
    expect(await project.inVolume('ls -A /v | grep -c odo; true')).toBe('0');
  }

  it('comes up beside the service with all that the archive holds, archives nothing, only on 127.0.0.1', async () => {
    const receipt = await odoReceipt(args('--temporary', '--set', 'work_mem=6MB'));
    const { name, port } = receipt.temporary;
    expect(receipt).toMatchObject({ kind: 'receipt', volume: name, reached: { timeline: 2 } });
    expect(await inServer(name, THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(
      await inServer(name, "select current_setting('archive_mode'), current_setting('work_mem'), pg_is_in_recovery()"),
    ).toBe('off|6MB|f');
    await inServer(name, 'create table written as select 1; select pg_switch_wal(); checkpoint');
    expect(await mustRun('docker', ['exec', name, 'sh', '-c', 'ls /tmp'])).toBe('');

    const ports = JSON.parse(await mustRun('docker', ['inspect', '-f', '{{json .NetworkSettings.Ports}}', name]));
    expect(ports).toEqual({ '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] });
    // As the service has it: shared memory, limits, and the secrets that its configuration names.
    const of = '{{.HostConfig.ShmSize}} {{range .HostConfig.Ulimits}}{{.Name}} {{.Soft}} {{.Hard}}{{end}}';
    expect(await mustRun('docker', ['inspect', '-f', of, name])).toBe(`${300 * 2 ** 20} nofile 2000 4000`);
    expect(await inServer(name, 'show ssl')).toBe('on');
    const inspected = await mustRun('docker', ['inspect', name]);
    for (const secret of [S3_KEYS.AWS_SECRET_ACCESS_KEY, 'POSTGRES_PASSWORD']) expect(inspected).not.toContain(secret);

    // The lines of the receipt work as they are printed.
    const note = (start: string): string => receipt.notes.find((text: string) => text.startsWith(start)) ?? '';
    const psql = /docker exec -it (\S+ psql)/.exec(note('to look around'))?.[1] ?? '';
    expect(await mustRun('sh', ['-c', `docker exec ${psql} -XAtqc 'select 1'`])).toBe('1');
    const dump =
      /fish rows out: (.*) > rows\.sql$/
        .exec(note('to fish rows out'))?.[1]
        ?.replace('TABLE', 'things')
        .replace('DATABASE', 'postgres') ?? '';
    expect(await mustRun('sh', ['-c', dump])).toMatch(/^COPY public\.things .*\n1\t/m);
    const tcp = await run('docker', [
      'run',
      '--rm',
      '--network',
      'host',
      'postgres:15',
      'psql',
      '-w',
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-U',
      'postgres',
      '-c',
      'select 1',
    ]);
    expect(tcp.stdout + tcp.stderr).toMatch(/1 row|no password supplied/);
    await expectServiceUntouched();
    expect(await restoreContainers(name)).toBe('');
  });

  it('is listed, and one of several is chosen by its name', async () => {
    const free = await freePort();
    const second = await odoReceipt(args('--temporary', '--port', String(free), '--backup', ready.barmanId));
    expect(second.temporary.port).toBe(free);
    const [first, other] = await ours();
    expect([first?.state, other]).toEqual([
      'running',
      {
        ...second.temporary,
        state: 'running',
        backupId: ready.barmanId,
        service: `${project.name}/db`,
        createdAt: expect.any(String),
      },
    ]);

    const taken = await odo(args('--temporary', '--port', String(free)));
    expect([taken.code, taken.stderr]).toEqual([
      24,
      expect.stringMatching(new RegExp(`port ${free} of 127.0.0.1 is taken`)),
    ]);
    const unclear = await odo(['temporary', 'stop']);
    expect([unclear.code, unclear.stderr]).toEqual([2, expect.stringContaining(second.temporary.name)]);
    expect((await odo(['temporary', 'stop', 'odo-temporary-nobody'])).code).toBe(21);

    for (const { name } of [first, other] as { name: string }[]) {
      const { code, stdout } = await odo(['temporary', 'stop', name]);
      expect([code, stdout]).toEqual([0, `stopped: ${name} and its volume are gone\n`]);
      expect((await run('docker', ['inspect', name])).code).not.toBe(0);
    }
    expect([await ours(), await volumes()]).toEqual([[], '']);
    await expectServiceUntouched();
  });

  it.each(['lay-down', 'recover'])('leaves nothing behind when it is cancelled at %s', async (phase) => {
    // A server that lets nobody in for half a minute cannot be done before it is cancelled.
    const running = startOdo(args('--temporary', '--json', '--set', 'pre_auth_delay=30'));
    let ended = false;
    const outcome = running.outcome.finally(() => {
      ended = true;
    });
    // What it has made tells how far it is: the volume comes first, the server last.
    const sign =
      phase === 'lay-down'
        ? volumes
        : () => mustRun('docker', ['ps', '-q', '--filter', `label=odo.service=${project.name}/db`]);
    await until(`the copy is at ${phase}`, async () => ended || (await sign()) !== '');
    if (phase === 'recover') {
      const [{ name = '', state = '' } = {}] = await ours();
      const stop = await odo(['temporary', 'stop', name]);
      expect([state, stop.code, stop.stderr]).toEqual([
        'restoring',
        24,
        expect.stringMatching(/is still being restored/),
      ]);
    }
    running.signal('SIGINT');
    expect(await outcome).toMatchObject({ code: 130, stdout: '' });
    expect([await ours(), await volumes()]).toEqual([[], '']);
    await expectServiceUntouched();
  });

  it('keeps running when a script fails, and says so', async () => {
    const folder = path.join(project.folder, 'sql');
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'a.sql'), 'select 1;\nselect 1 / 0;\n');
    const { code, stderr } = await odo(args('--temporary', '--post-sql', folder));
    expect([code, stderr]).toEqual([32, expect.stringMatching(/a\.sql, line 2: ERROR: +division by zero/)]);
    const [left] = await ours();
    expect(stderr).toMatch(
      new RegExp(`container ${left?.name} keeps running; .*: odo temporary stop ${left?.name}$`, 'm'),
    );
    expect(await inServer(left?.name ?? '', THINGS_DIGEST)).toBe(ready.atTheEnd);
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
