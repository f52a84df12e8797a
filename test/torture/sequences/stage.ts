import fs from 'node:fs';
import path from 'node:path';
import { OWN } from '../../integration/parts/own.ts';
import { mustRun, run } from '../../integration/parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from '../../integration/parts/s3.ts';
import { type Answer, engine, execIn, lookAt, poll } from '../engine.ts';
import { asHeld, heldMounts } from '../rig.ts';
import { openStageArchive, PREFIX, SERVER, type StageArchive } from './archive.ts';
import { ROWS_PER_TAG, type Rows } from './world.ts';

/** With barman-cloud in it, so that a restored server can archive and be backed up. */
export const IMAGE = 'odo-parts/maker:15';
const MOUNT = '/var/lib/postgresql/data';
const VOLUME_MIB = 900;
const READY_MS = 30_000;

/** What is on the volume when a sequence begins: the source's own data, another cluster's, or nothing. */
export type OldData = 'same' | 'other' | 'empty';
/** Where PGDATA is: the volume's root, or a folder below it. */
export type Layout = 'root' | 'below';

/** What a server says of itself. */
export interface ServerWords {
  inRecovery: boolean;
  rows: Rows;
  /** Whatever is not as it should be: half a transaction, an index that lacks rows. */
  damage?: string;
}

/**
 * A compose service on a volume in memory, and a keeper that sees that volume without being one of its writers to the
 * engine.
 */
export interface Stage {
  project: string;
  composeFile: string;
  volume: string;
  db: string;
  restoreContainer: string;
  archive: StageArchive;
  /** Where the volume lies on this machine. */
  mountpoint: string;
  /** On this machine. */
  dataDirectory(): string;
  odoDirectory(): string;
  compose(...args: string[]): Promise<string>;
  /** Brings everything to its beginning; the service is up unless there is no old data. */
  reset(old: OldData, layout: Layout): Promise<void>;
  psql(sql: string): Promise<Answer>;
  onVolume(script: string): Promise<string>;
  /** What the service's server holds; undefined when it does not answer in time. */
  ask(timeoutMs?: number): Promise<ServerWords | undefined>;
  /** What the data directory at this path of the volume holds, asked from a server on a copy of it. */
  askCopy(directory: string): Promise<ServerWords | string>;
  remove(): Promise<void>;
}

const ROWS_SQL = `select what || ':' || count(*) from marks group by what order by 1`;
const INDEX_SQL = "select bt_index_check('marks_what', true)";

export async function makeStage(number: number, folder: string): Promise<Stage> {
  const project = `odo-sequences-${OWN}-${number}`;
  const volume = `${project}_db`;
  const db = `${project}-db-1`;
  const keeper = `${project}-keeper`;
  const composeFile = path.join(folder, `sequences-${number}.yaml`);
  const port = 15_000 + ((process.pid % 400) * 10 + number);
  const archive = await openStageArchive(number);
  let layout: Layout = 'below';
  const compose = (...args: string[]) =>
    mustRun('docker', ['compose', '--progress', 'quiet', '-f', composeFile, ...args]);
  const inPlace = () => (layout === 'root' ? '/v' : '/v/pgdata');
  const write = () => fs.writeFileSync(composeFile, composeText(project, layout, port));

  const psql = (sql: string) =>
    execIn(db, ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', sql], { user: 'postgres' });

  async function onVolume(script: string): Promise<string> {
    const { code, stdout, stderr } = await execIn(keeper, ['sh', '-c', asHeld(script)], { user: 'root' });
    if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  async function askOnce(): Promise<ServerWords | undefined> {
    const recovery = await psql('select pg_is_in_recovery()');
    if (recovery.code !== 0) return undefined;
    return wordsOf(recovery.stdout.trim() === 't', psql);
  }

  write();
  await compose('up', '-d');
  const listens = async () => (await execIn(db, ['pg_isready', '-q', '-h', '127.0.0.1'])).code === 0;
  if (!(await poll(listens, READY_MS))) throw new Error('the service does not come up');
  const made = await psql(
    `create table marks (what text); create index marks_what on marks (what); create extension amcheck;
     insert into marks select 'foreign' from generate_series(1, ${ROWS_PER_TAG})`,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  const { Mountpoint } = await engine().getVolume(volume).inspect();
  await mustRun('docker', [
    ...['run', '-d', '--name', keeper, '--network', 'none', '--init', '-v', '/golden'],
    ...[...heldMounts(volume, Mountpoint), '--entrypoint', 'sleep', IMAGE, 'infinity'],
  ]);
  await engine().getContainer(db).stop({ t: 30 });
  await onVolume(
    "mkdir -p /golden/other /golden/empty && echo 'fsync = off' >>/v/pgdata/postgresql.conf && cp -a " +
      '/v/pgdata/. /golden/other/',
  );
  await unpackOldData();

  async function unpackOldData(): Promise<void> {
    const file = path.join(folder, `old-${number}.tar`);
    fs.writeFileSync(file, await archive.oldData());
    await mustRun('sh', [
      '-c',
      `docker exec -i -u root ${keeper} sh -c 'mkdir /golden/same && tar -x -C /golden/same ` +
        `--strip-components=1' <${file}`,
    ]);
    fs.rmSync(file);
  }

  return {
    project,
    composeFile,
    volume,
    db,
    restoreContainer: `odo-restore-${volume}`,
    archive,
    mountpoint: Mountpoint,
    dataDirectory: () => path.join(Mountpoint, path.relative('/v', inPlace())),
    odoDirectory: () => path.join(Mountpoint, '.odo'),
    compose,
    async reset(old, next) {
      await run('docker', ['rm', '-f', '-v', db]);
      layout = next;
      write();
      await onVolume(
        `find /v -mindepth 1 -delete; chown 999:999 /v; chmod 700 /v
         ${old === 'empty' ? 'true' : `mkdir -p ${inPlace()} && cp -a /golden/${old}/. ${inPlace()}/`}`,
      );
      await archive.reset();
      await compose('up', '--no-start');
      if (old === 'empty') return;
      await engine().getContainer(db).start();
      if (!(await poll(async () => (await askOnce()) !== undefined, READY_MS)))
        throw new Error('the old data does not come up');
    },
    psql,
    onVolume,
    async ask(timeoutMs = READY_MS) {
      let words: ServerWords | undefined;
      await poll(async () => {
        words = await askOnce();
        return words !== undefined || !(await lookAt(db))?.running;
      }, timeoutMs);
      return words;
    },
    async askCopy(directory) {
      const copy = '/golden/copy';
      // What belongs to a server that waits is of no matter here: all that it has replayed is in its files.
      const prepare = asHeld(
        `rm -rf ${copy}; cp -a ${directory} ${copy} && cd ${copy} && rm -f postmaster.pid *.signal`,
      );
      const settings =
        '-c listen_addresses= -c unix_socket_directories=/tmp -c archive_mode=off -c port=5999 -c hot_standby=on';
      const start =
        `pg_ctl -D ${copy} -w -t 60 -s -l /tmp/copy.log -o "${settings}" start || { tail -n 8 /tmp/copy.log; ` +
        'exit 1; }';
      const started = await execIn(keeper, ['sh', '-c', prepare], { user: 'root' });
      if (started.code !== 0) return `there is no ${directory}: ${started.stderr.trim()}`;
      const begun = await execIn(keeper, ['sh', '-c', start], { user: 'postgres' });
      try {
        if (begun.code !== 0) return `no server starts on ${directory}: ${begun.stdout}${begun.stderr}`;
        return await wordsOf(false, (sql) =>
          execIn(
            keeper,
            ['psql', '-XAtq', '-h', '/tmp', '-p', '5999', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-c', sql],
            {
              user: 'postgres',
            },
          ),
        );
      } finally {
        await execIn(keeper, ['sh', '-c', `pg_ctl -D ${copy} -m immediate -w -s stop; rm -rf ${copy}`], {
          user: 'postgres',
        });
      }
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', keeper, db, `odo-restore-${volume}`]);
      await run('docker', ['compose', '-f', composeFile, 'down', '-v', '-t', '1']);
      await archive.remove();
    },
  };
}

/** Counts, and asks the index for the same rows: a page that is older than the others shows. */
async function wordsOf(inRecovery: boolean, psql: (sql: string) => Promise<Answer>): Promise<ServerWords> {
  const answer = await psql(ROWS_SQL);
  if (answer.code !== 0) return { inRecovery, rows: new Set(), damage: answer.stderr.trim() };
  const counts = answer.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':') as [string, string]);
  const torn = counts.filter(([, count]) => Number(count) !== ROWS_PER_TAG).map((pair) => pair.join(' has '));
  const index = inRecovery ? undefined : await psql(INDEX_SQL);
  const damage = [...torn, ...(index && index.code !== 0 ? [index.stderr.trim()] : [])].join('; ');
  return { inRecovery, rows: new Set(counts.map(([tag]) => tag)), ...(damage ? { damage } : {}) };
}

function composeText(project: string, layout: Layout, port: number): string {
  const keys = Object.entries(S3_KEYS).map(([key, value]) => `      ${key}: ${value}\n`);
  return `name: ${project}
services:
  db:
    image: ${IMAGE}
    network_mode: host
    command: postgres -c listen_addresses=127.0.0.1
    environment:
      POSTGRES_PASSWORD: test
      PGPORT: "${port}"
      PGDATA: ${layout === 'root' ? MOUNT : `${MOUNT}/pgdata`}
${keys.join('')}\
    volumes:
      - db:${MOUNT}
volumes:
  db:
    driver_opts:
      type: tmpfs
      device: tmpfs
      o: size=${VOLUME_MIB}m
`;
}

/** The archive_command that a restored server of this stage gets. */
export function archiveCommand({ archive }: Stage): string {
  return `barman-cloud-wal-archive -z --endpoint-url ${S3_ENDPOINT} s3://${archive.bucket}/${PREFIX} ${SERVER} %p`;
}
