import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_IMAGE } from '../../src/cli/settings/version.ts';
import { type Place, restoreCommandFile, spoolDir } from '../../src/tree/places/place.ts';
import { fedRestoreCommandSetting } from '../../src/wal/feed/restore-command.ts';
import { FED_RESTORE_COMMAND_SCRIPT, FEEDING, WANTED } from '../../src/wal/feed/spool-protocol.ts';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odoReceipt } from './parts/odo.ts';
import { pgBasebackup } from './parts/pg-basebackup.ts';
import { startPlainServer } from './parts/plain-server.ts';
import { type ReadyRepository, readyRepository, THINGS_DIGEST } from './parts/ready-repository.ts';
import { mustRun, run, until } from './parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from './parts/s3.ts';

const VOLUME = '/var/lib/postgresql/data';
/** Below the volume's root, so that the image's entry point gives nothing of ODO's to its own user. */
const PLACE: Place = { root: `${VOLUME}/pgdata`, odoDir: `${VOLUME}/.odo` };
const DEBIAN = 'postgres:15';
const ALPINE = 'postgres:15-alpine';

const project = (image: string) => writeProject({ image, mountAt: VOLUME, environment: { PGDATA: PLACE.root } });

/**
 * Another C library, another shell and tools, another user for the server than in the images that the backups come
 * from.
 */
describe("a service on Alpine's image", () => {
  let ready: ReadyRepository;
  let service: ComposeProject;

  beforeAll(async () => {
    ready = await readyRepository();
    service = project(DEBIAN);
    await service.up();
    await service.sql('create table old as select 1');
    await service.compose('down', '-t', '60');
    fs.writeFileSync(
      service.file,
      fs.readFileSync(service.file, 'utf8').replaceAll(`image: ${DEBIAN}\n`, `image: ${ALPINE}\n`),
    );
    // There is a container, and no server of its image has ever run on the data.
    await service.compose('create');
  });

  afterAll(() => service?.down());

  const restore = (url: string, { file }: ComposeProject, ...more: string[]) =>
    odoReceipt(['-u', url, '-v', 'db', '-n', 'db', '-f', file, ...more]);

  async function expectSound(restored: ComposeProject, owner: number): Promise<void> {
    expect(await restored.sql('select pg_is_in_recovery()')).toBe('f');
    expect(await restored.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
    expect(await restored.inVolume(`find /v/pgdata ! -user ${owner} -o ! -group ${owner}`)).toBe('');
    expect(await restored.inVolume('find /v -name .odo -o -name recovery.signal')).toBe('');
  }

  /** The warning is true, and its commands do away with what it warns of. */
  async function expectAdviceToHelp(restored: ComposeProject, notes: string[], versions: RegExp): Promise<void> {
    const note = notes.find((one) => one.startsWith('in database postgres text may sort in another order')) ?? '';
    expect(note, notes.join('\n')).toMatch(versions);
    await restored.sql('create extension if not exists amcheck');
    const check = "select bt_index_check('words_order')";
    await expect(restored.sql(check)).rejects.toThrow('item order invariant violated');
    const commands = /run in it: (REINDEX DATABASE "postgres"; .*)$/.exec(note)?.[1] ?? '';
    for (const command of commands.split(/(?<=;) /)) await restored.sql(command);
    await restored.sql(check);
    const isNoted = 'datcollversion is not distinct from pg_database_collation_actual_version(oid)';
    expect(await restored.sql(`select ${isNoted} from pg_database where datname = 'postgres'`)).toBe('t');
  }

  it('gets a backup of a glibc server under its own user, whoever owned the old data; is told to REINDEX', async () => {
    const url = `s3://${ready.bucket}/backups/shop`;
    const { notes } = await restore(url, service, '--verify', 'full', '--allow-different-cluster');
    expect(await service.sql('select version()')).toContain('-musl');
    await expectSound(service, 70);
    expect(notes).toContainEqual(expect.stringMatching(/^pg_amcheck found the tables sound, and indexes that are not/));
    await expectAdviceToHelp(
      service,
      notes,
      /\(its own collation was made with libc 2\.\d+ and is now used with libc without versions/,
    );
    await service.compose('restart', '-t', '60', 'db');
    await until('the service answers again', () =>
      service.sql(THINGS_DIGEST).then(
        (digest) => digest === ready.atTheEnd,
        () => false,
      ),
    );
  });

  it('makes a backup that a glibc server gets, under that one’s user, with the same advice', async () => {
    const other = project(DEBIAN);
    try {
      const set = path.join(other.folder, 'sets/20251024T022608');
      fs.mkdirSync(path.dirname(set));
      await pgBasebackup(await service.containerId('db'), set, '-X', 'fetch');
      const { notes } = await restore(path.dirname(set), other);
      await expectSound(other, 999);
      await expectAdviceToHelp(
        other,
        notes,
        /was made with libc without versions \(as musl\) and is now used with libc 2\.\d+/,
      );
    } finally {
      await other.down();
    }
  });

  it('recovers from WAL that was fetched beforehand, and clears it away, without ODO', async () => {
    const volume = `${service.name}_alone`;
    const keys = Object.entries({ ...S3_KEYS, S3_ENDPOINT, S3_BACKUP_URL: `s3://${ready.bucket}/backups/shop` });
    const variables = keys.flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    try {
      await mustRun('docker', [
        'run',
        '--rm',
        '--network',
        'host',
        ...variables,
        '-v',
        `${volume}:/data`,
        DEFAULT_IMAGE,
      ]);
      const server = await startPlainServer({ image: ALPINE, mount: `${volume}:${VOLUME}` });
      try {
        await server.promoted();
        expect(await server.sql(THINGS_DIGEST)).toBe(ready.atTheEnd);
        expect(await server.sql("select count(*) from pg_ls_dir('.') name where name = '.odo'")).toBe('0');
      } finally {
        await server.remove();
      }
    } finally {
      await run('docker', ['volume', 'rm', '-f', volume]);
    }
  });

  it('leaves no restore_command behind when its server stops', async () => {
    await service.compose('stop', '-t', '60', 'db');
    const server = `${service.name}-waiting`;
    const beat = `while sleep 1; do date >${spoolDir(PLACE)}/${FEEDING}; done 2>/dev/null`;
    await mustRun('docker', [
      ...['run', '-d', '--name', server, '--network', 'none', '--entrypoint', 'sh'],
      ...['-e', `PGDATA=${PLACE.root}`, '-v', `${service.volume}:${VOLUME}`, ALPINE, '-c', beat],
    ]);
    try {
      const sh = (script: string, input = '') =>
        mustRun('docker', ['exec', '-i', '-u', 'postgres', server, 'sh', '-c', script], { input });
      const recovering = async () =>
        (await sh('ps -o args')).split('\n').filter((line) => /restore-command|^sleep 0/.test(line));
      await mustRun('docker', ['exec', server, 'chown', 'postgres', VOLUME]);
      await sh(`mkdir -p ${spoolDir(PLACE)}/${WANTED}`);
      await sh(`cat >${restoreCommandFile(PLACE)}`, FED_RESTORE_COMMAND_SCRIPT);
      for (const mode of ['fast', 'immediate']) {
        // Its feeder lives, and brings nothing.
        await sh(`rm -f ${spoolDir(PLACE)}/${WANTED}/* && touch "$PGDATA/recovery.signal"`);
        const start = ['postgres', '-c', `restore_command=${fedRestoreCommandSetting(PLACE)}`];
        await mustRun('docker', ['exec', '-d', '-u', 'postgres', server, ...start]);
        await until('the server waits for WAL', async () => (await sh(`ls ${spoolDir(PLACE)}/${WANTED}`)) !== '');
        expect(await recovering()).not.toEqual([]);
        await sh(`pg_ctl stop -m ${mode} -t 60`);
        // Left to itself it would wait for ever.
        await until('its restore_command has ended', async () => (await recovering()).length === 0);
      }
    } finally {
      await mustRun('docker', ['rm', '-f', '-v', server]);
    }
  });
});
