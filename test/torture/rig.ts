import fs from 'node:fs';
import path from 'node:path';
import type { FailingDisk } from '../integration/parts/failing-disk.ts';
import { OWN } from '../integration/parts/own.ts';
import { mustRun, run } from '../integration/parts/run.ts';
import { engine, execIn, lookAt, poll } from './engine.ts';
import { DIGEST_SQL } from './repository.ts';

export const POSTGRES = 'postgres:15';
/** All of the volume; old and new data, WAL, and some room. */
const VOLUME_MIB = 600;
/** More than all that is ever written to a disk that can fail. */
const WHOLE_DISK_BYTES = 300 << 20;
const READY_MS = 60_000;
const WIDE_ENTRIES = 4000;
/** Where the second container has the volume. */
const HELD_AT = '/volume/_data';

/** A script over the volume at /v, as the second container has to run it. */
export function asHeld(script: string): string {
  return script.replaceAll(/(?<![\w/])\/v\b/g, HELD_AT);
}

/**
 * Mounts of the second container, for a volume that lies at `mountpoint`. Of a container that has the volume itself to
 * write to, every restore would be refused; whoever looks after the engine has what is above it.
 */
export function heldMounts(volume: string, mountpoint: string): string[] {
  return ['-v', `${volume}:/held:ro`, '-v', `${path.dirname(mountpoint)}:${path.dirname(HELD_AT)}`];
}

/** What a server says of itself; undefined when it does not answer. */
export interface ServerWords {
  inRecovery: boolean;
  digest: string;
}

/**
 * A compose service with its old data on a volume in memory, made once for many runs. PGDATA is a folder of the volume,
 * so that other things can lie beside it. A second container, which the engine lists as a reader only, keeps the volume
 * and brings the old data back.
 */
export interface Rig {
  project: string;
  composeFile: string;
  volume: string;
  db: string;
  restoreContainer: string;
  oldDigest: string;
  /** Runs a shell script over the volume, at /v. */
  onVolume(script: string): Promise<string>;
  /**
   * Makes the volume as it was before anything happened, and the server on it answer. `wide` adds thousands of entries
   * to PGDATA.
   */
  reset(wide: boolean): Promise<void>;
  ask(): Promise<ServerWords | undefined>;
  /** Asks until the server is out of recovery; undefined when it does not get there. */
  askWhenUp(timeoutMs?: number): Promise<ServerWords | undefined>;
  start(): Promise<void>;
  /** What the volume lies on, where that can fail. */
  disk: FailingDisk | undefined;
  /** The disk takes everything again, and shows nothing but what it has; the server is stopped for it. */
  mendDisk(): Promise<void>;
  /** After the engine has been restarted, which starts no container by itself. */
  revive(): Promise<void>;
  remove(): Promise<void>;
}

export async function makeRig(
  number: number | string,
  folder: string,
  options: { onDisk: boolean; disk?: FailingDisk },
): Promise<Rig> {
  const project = `odo-torture-${OWN}-${number}`;
  const volume = `${project}_db`;
  const db = `${project}-db-1`;
  const keeper = `${project}-keeper`;
  const composeFile = path.join(folder, `compose-${number}.yaml`);
  fs.writeFileSync(composeFile, composeText(project, options));
  const compose = (...args: string[]) =>
    mustRun('docker', ['compose', '--progress', 'quiet', '-f', composeFile, ...args]);

  const psql = (sql: string) =>
    execIn(db, ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', "set work_mem = '100MB'", '-c', sql], {
      user: 'postgres',
    });
  async function ask(): Promise<ServerWords | undefined> {
    const recovery = await psql('select pg_is_in_recovery()');
    if (recovery.code !== 0) return undefined;
    if (recovery.stdout.trim() === 't') return { inRecovery: true, digest: '' };
    const answer = await psql(DIGEST_SQL);
    return { inRecovery: false, digest: answer.code === 0 ? answer.stdout.trim() : `error: ${answer.stderr.trim()}` };
  }
  async function askWhenUp(timeoutMs = READY_MS): Promise<ServerWords | undefined> {
    let words: ServerWords | undefined;
    await poll(async () => {
      words = await ask();
      return (words !== undefined && !words.inRecovery) || !(await lookAt(db))?.running;
    }, timeoutMs);
    return words?.inRecovery ? undefined : words;
  }
  async function onVolume(script: string): Promise<string> {
    const { code, stdout, stderr } = await execIn(keeper, ['sh', '-c', asHeld(script)], { user: 'root' });
    if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  await compose('up', '-d');
  if (!(await askUntilUp())) throw new Error('the service does not come up');
  async function askUntilUp(): Promise<boolean> {
    // The server of the initialisation listens on no port.
    return poll(async () => (await execIn(db, ['pg_isready', '-q', '-h', '127.0.0.1'])).code === 0, READY_MS);
  }
  const made = await psql(
    "create table things as select n as id, 'old data of ' || n as what from generate_series(1, 2000) n; " +
      'alter table things add primary key (id)',
  );
  if (made.code !== 0) throw new Error(made.stderr);
  const oldDigest = (await ask())?.digest ?? '';
  const { Mountpoint } = await engine().getVolume(volume).inspect();
  await mustRun('docker', [
    ...['run', '-d', '--name', keeper, '--network', 'none', '--init', '-v', '/golden'],
    ...[...heldMounts(volume, Mountpoint), '--entrypoint', 'sleep', POSTGRES, 'infinity'],
  ]);
  await engine().getContainer(db).stop({ t: 30 });
  // On a disk that can fail, the old server has to know what it has lost.
  const hurry = options.disk ? 'true' : "echo 'fsync = off' >>/v/pgdata/postgresql.conf";
  await onVolume(`${hurry}; cp -a /v/. /golden/`);

  /** While nobody has the volume mounted. */
  async function onNewMount(work: () => Promise<void> | undefined): Promise<void> {
    for (const name of [db, keeper]) {
      await engine()
        .getContainer(name)
        .kill()
        .catch(() => undefined);
      // Only with its end does the engine let go of the volume.
      await engine().getContainer(name).wait();
    }
    await work();
    await engine().getContainer(keeper).start();
  }
  async function start(): Promise<void> {
    await engine().getContainer(db).start();
  }
  const rig: Rig = {
    project,
    composeFile,
    volume,
    db,
    restoreContainer: `odo-restore-${volume}`,
    oldDigest,
    onVolume,
    async reset(wide) {
      await engine()
        .getContainer(db)
        .kill()
        .catch(() => undefined);
      // A disk that has taken something before would take it again, however little room it has.
      if (options.disk) await onNewMount(() => options.disk?.renew());
      const more = wide
        ? `cd /v/pgdata && seq -f old-%05g ${WIDE_ENTRIES} | xargs touch && chown 999:999 old-*`
        : 'true';
      await onVolume(`find /v -mindepth 1 -delete; cp -a /golden/. /v/ && ${more}`);
      await start();
      const words = await askWhenUp();
      if (words?.digest !== oldDigest) throw new Error(`the old data does not come up: ${JSON.stringify(words)}`);
    },
    ask,
    askWhenUp,
    start,
    disk: options.disk,
    async mendDisk() {
      await options.disk?.leaveRoom(WHOLE_DISK_BYTES);
      await onNewMount(() => options.disk?.remount());
    },
    async revive() {
      await engine().getContainer(keeper).start();
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', keeper, rig.restoreContainer]);
      await run('docker', ['compose', '-f', composeFile, 'down', '-v', '-t', '1']);
      await options.disk?.remove();
    },
  };
  await rig.reset(false);
  return rig;
}

function composeText(project: string, { onDisk, disk }: { onDisk: boolean; disk?: FailingDisk }): string {
  // A volume in memory is quick, can be full, and is gone when the engine stops the last container that uses it.
  const inMemory = `    driver_opts:
      type: tmpfs
      device: tmpfs
      o: size=${VOLUME_MIB}m
`;
  const onFailing = `    driver_opts:
      type: none
      device: ${disk?.root}
      o: bind
`;
  return `name: ${project}
services:
  db:
    image: ${POSTGRES}
    network_mode: none
    environment:
      POSTGRES_PASSWORD: test
      PGDATA: /var/lib/postgresql/data/pgdata
    volumes:
      - db:/var/lib/postgresql/data
volumes:
  db:
${disk ? onFailing : onDisk ? '' : inMemory}`;
}
