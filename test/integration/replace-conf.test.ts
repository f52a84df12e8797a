import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run } from './parts/run.ts';
import { rememberService } from './parts/service-before.ts';

const DATA = '/var/lib/postgresql/data';
const EXAMPLE = new URL('../../confs/', import.meta.url).pathname;

const OWN = `# chosen for the restored server
work_mem = '7MB'
log_line_prefix = 'restored %m '
max_connections = 120
`;

/** Everything in it would end, divert or delay recovery, or make the copy write into the original's archive. */
const HOSTILE = `restore_command = 'false'
recovery_target_time = '2020-01-01 00:00:00+00'
recovery_target_action = 'shutdown'
recovery_target_timeline = 'current'
recovery_min_apply_delay = '1d'
recovery_end_command = 'touch /tmp/recovery-end'
primary_conninfo = 'host=127.0.0.1 port=1'
primary_slot_name = 'nowhere'
archive_mode = 'on'
archive_command = 'touch /tmp/archived-%f'
`;

describe('-c', () => {
  let ready: ReadyRepository;
  let project: ComposeProject;
  let folder: string;
  /** When the restore began, in seconds as Docker takes them. */
  let since: string;

  beforeAll(async () => {
    ready = await readyRepository();
    project = writeProject({ image: 'postgres:15', mountAt: DATA });
    folder = project.folder;
    await project.up();
  });

  afterEach(() => {
    fs.rmSync(path.join(folder, 'confs'), { recursive: true, force: true });
  });

  afterAll(async () => {
    await project?.down();
  });

  function writeConf(content: string, directory = 'confs'): void {
    fs.mkdirSync(path.join(folder, directory), { recursive: true });
    fs.writeFileSync(path.join(folder, directory, 'postgresql.auto.conf'), content);
  }

  async function restore(prefix: string, conf: readonly string[]) {
    since = (Date.now() / 1000).toFixed(3);
    const url = `s3://${ready.bucket}/${prefix}`;
    return odoReceipt(['-u', url, '-v', 'db', '-n', 'db', '-f', 'compose.yaml', '--json', ...conf], { cwd: folder });
  }

  const inForce = (name: string) => project.sql(`show ${name}`);
  const fileNow = () => project.inVolume('cat /v/postgresql.auto.conf').then((text) => `${text}\n`);

  /** The restore started the container exactly once: the file was in force from the first start on. */
  async function expectOneStart(): Promise<void> {
    // Not by the engine's events, of which it remembers only the last few hundred.
    const { stdout, stderr } = await run('docker', ['logs', '--since', since, await project.containerId('db')]);
    expect(`${stdout}${stderr}`.match(/starting PostgreSQL/g), stderr).toHaveLength(1);
  }

  it('as the last argument takes ./confs, whose settings are in force from the first start on', async () => {
    writeConf(OWN);
    const receipt = await restore('sets', ['-c']);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect([await inForce('work_mem'), await inForce('max_connections')]).toEqual(['7MB', '120']);
    const log = await run('docker', ['logs', '--since', since, await project.containerId('db')]);
    expect(log.stderr).toMatch(/^restored .*starting PostgreSQL/m);
    await expectOneStart();
    expect(await fileNow()).toBe(OWN);
    expect(await project.inVolume('stat -c "%u:%g %a" /v/postgresql.auto.conf')).toBe('999:999 600');
    expect(receipt.notes).toEqual([]);
  });

  it('cannot undo the recovery, whatever the file says, and archives nothing', async () => {
    writeConf(HOSTILE, 'elsewhere');
    const receipt = await restore('backups/shop', ['-c', 'elsewhere']);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(await project.sql('select pg_is_in_recovery()')).toBe('f');
    expect(await inForce('archive_mode')).toBe('off');
    await project.sql('select pg_switch_wal()');
    await project.sql('checkpoint');
    expect(await project.compose('exec', '-T', 'db', 'sh', '-c', 'ls /tmp')).toBe('');
    await expectOneStart();
    expect(await fileNow()).toBe(HOSTILE);
    expect(receipt.notes.join()).toMatch(/archiving is off.*next restart/);
  });

  it('-c true before other options, with the example that comes with ODO', async () => {
    const example = fs.readFileSync(path.join(EXAMPLE, 'postgresql.auto.conf'), 'utf8');
    expect(example.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    writeConf(example);
    await restore('sets', ['-c', 'true', '--no-sync']);
    expect(await project.sql(THINGS_DIGEST)).toBe(ready.inTheSets);
    expect(await fileNow()).toBe(example);
    // The source had set its archive_command by ALTER SYSTEM, which went with the old file.
    expect(await inForce('archive_command')).toBe('(disabled)');
  });

  it('every line of the example that looks like a setting is one that PostgreSQL takes', async () => {
    const example = fs.readFileSync(path.join(EXAMPLE, 'postgresql.auto.conf'), 'utf8');
    const settings = example
      .split('\n')
      .filter((line) => /^#\w+ = /.test(line))
      .map((line) => line.slice(1));
    expect(settings.length).toBeGreaterThan(20);
    fs.writeFileSync(path.join(folder, 'all.conf'), `${settings.join('\n')}\n`);
    const id = await project.containerId('db');
    await mustRun('docker', ['cp', path.join(folder, 'all.conf'), `${id}:/tmp/all.conf`]);
    const check = ['postgres', '-D', DATA, '-C', 'work_mem', '-c', 'config_file=/tmp/all.conf'];
    expect(await mustRun('docker', ['exec', '-u', 'postgres', id, ...check])).toBe('8192');
  });

  it('without the file ends with 3 and touches nothing', async () => {
    const before = await rememberService(project, 'db', project.volume, DATA);
    const argv = ['-u', `s3://${ready.bucket}/sets`, '-v', 'db', '-n', 'db', '-f', 'compose.yaml', '-c', 'missing'];
    const { code, stderr } = await odo(argv, { cwd: folder });
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(
        /there is no .*missing\/postgresql\.auto\.conf and no .*missing\/confs\/postgresql\.auto\.conf/,
      ),
    ]);
    await before.expectAsBefore({ restarted: false });
  });
});
