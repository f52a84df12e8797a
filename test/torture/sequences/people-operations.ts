import { run } from '../../integration/parts/run.ts';
import { deleteObjects, listKeys, S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { engine, execIn, poll } from '../engine.ts';
import { Defect } from '../judge.ts';
import { insertSql, PREFIX, SERVER } from './archive.ts';
import { type Archived, archivedSegments, goesOn } from './archived-way.ts';
import { newLine } from './expect.ts';
import { restoreArgs, serviceArgs } from './odo-operations.ts';
import type { Operation, Scene } from './operation.ts';
import { runOdo } from './run-odo.ts';
import { archiveCommand, type Stage } from './stage.ts';
import { type World, with_ } from './world.ts';

const WAIT_MS = 60_000;

const isOpen = ({ place, isUp }: World) => isUp && place?.role === 'primary';

async function must({ stage }: Scene, sql: string): Promise<string> {
  const { code, stdout, stderr } = await stage.psql(sql);
  if (code !== 0) throw new Defect(`the server does not take "${sql}": ${stderr.trim()}`);
  return stdout.trim();
}

async function restart({ stage }: Scene): Promise<void> {
  await engine().getContainer(stage.db).restart({ t: 30 });
  if (!(await poll(async () => (await stage.psql('select 1')).code === 0, WAIT_MS))) {
    throw new Defect('the server does not come up after a restart');
  }
}

/** A server that was shut down at its target comes up waiting. */
function up(world: World): World[] {
  return [{ ...world, isUp: world.place !== undefined }];
}

async function write(world: World, scene: Scene): Promise<World> {
  const { place } = world;
  if (!place) throw new Error('nothing to write into');
  const tag = scene.newTag();
  await must(scene, insertSql(tag));
  return { ...world, place: with_(place, { rows: new Set([...place.rows, tag]) }) };
}

function onContainer(
  name: string,
  about: string,
  work: (stage: Stage) => Promise<unknown>,
  options: { weight?: number; leaves?: 'down' } = {},
): Operation {
  return {
    name,
    about,
    weight: options.weight ?? 0.6,
    applies: ({ place }) => place !== undefined,
    async play(world, scene) {
      await work(scene.stage);
      return options.leaves === 'down' ? [{ ...world, isUp: false }] : up(world);
    },
  };
}

/** What the last receipt has said of how to turn archiving on; people do just that. */
async function turnOnArchiving(scene: Scene): Promise<void> {
  if ((await must(scene, 'show archive_mode')) !== 'on') {
    const isSet = "select count(*) from pg_file_settings where name = 'archive_mode' and setting = 'on'";
    const isNot = (await must(scene, isSet)) === '0';
    await must(scene, isNot ? 'alter system set archive_mode = on' : 'alter system reset archive_mode');
  }
  await must(scene, `alter system set archive_command = '${archiveCommand(scene.stage)}'`);
  await restart(scene);
  if ((await must(scene, 'show archive_mode')) !== 'on') {
    await must(scene, 'alter system set archive_mode = on');
    await restart(scene);
  }
}

/** What a recovery from an older backup meets in the WAL: the primary had room for more. */
async function raiseParameters(scene: Scene): Promise<void> {
  const now = Number(await must(scene, 'show max_connections'));
  await must(scene, `alter system set max_connections = ${now + 20}`);
  scene.note('max_connections is raised');
}

async function archiveAll(scene: Scene): Promise<void> {
  const segment = await must(scene, 'select pg_walfile_name(pg_switch_wal())');
  const archived = "select coalesce(last_archived_wal, '') from pg_stat_archiver";
  const isThere = async () =>
    (await listKeys(scene.stage.archive.bucket, `${PREFIX}/${SERVER}/wals/`)).some((key) => key.includes(segment));
  if (await poll(isThere, WAIT_MS, 300)) return;
  throw new Error(`${segment} is not archived; the last was ${(await scene.stage.psql(archived)).stdout}`);
}

/** Whether what is archived now goes on where the archive ended before. */
async function hasGoneOn(scene: Scene, before: Archived): Promise<boolean> {
  const name = await must(scene, 'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)');
  const history = name === '00000001' ? '' : await must(scene, `select pg_read_file('pg_wal/${name}.history')`);
  return goesOn(before, await archivedSegments(scene.stage.archive.bucket), Number.parseInt(name, 16), history);
}

async function demandHistory(scene: Scene): Promise<void> {
  const timeline = await must(scene, 'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)');
  if (timeline === '00000001') return;
  const isThere = async () =>
    (await listKeys(scene.stage.archive.bucket, `${PREFIX}/${SERVER}/wals/`)).some((key) =>
      key.includes(`${timeline}.history`),
    );
  if (!(await poll(isThere, 15_000, 300)))
    throw new Defect(`segments of timeline ${timeline} are archived, and its history is not`);
}

export const PEOPLE_OPERATIONS: readonly Operation[] = [
  {
    name: 'write',
    about: 'a transaction is committed',
    weight: 4,
    applies: isOpen,
    play: async (world, scene) => [await write(world, scene)],
  },
  {
    name: 'checkpoint',
    about: 'checkpoint, and another WAL segment',
    weight: 0.7,
    applies: isOpen,
    async play(world, scene) {
      await must(scene, 'checkpoint');
      await must(scene, 'select pg_switch_wal()');
      return [world];
    },
  },
  {
    name: 'ALTER SYSTEM',
    about: 'postgresql.auto.conf is written anew, without comments',
    weight: 1.2,
    applies: ({ place, isUp }) => place !== undefined && isUp,
    async play(world, scene) {
      await must(scene, "alter system set work_mem = '5MB'");
      return [world];
    },
  },
  onContainer('restart', 'docker restart', (stage) => engine().getContainer(stage.db).restart({ t: 30 })),
  onContainer('kill and start', 'docker kill, then docker start', async ({ db }) => {
    await engine()
      .getContainer(db)
      .kill()
      .catch(() => undefined);
    await engine().getContainer(db).start();
  }),
  onContainer('down and up', 'docker compose down, then up', async ({ compose }) => {
    await compose('down', '-t', '30');
    await compose('up', '-d');
  }),
  onContainer('made anew', 'docker compose up --force-recreate', ({ compose }) =>
    compose('up', '-d', '--force-recreate', '-t', '30'),
  ),
  onContainer(
    'stop',
    'docker stop',
    ({ db }) =>
      engine()
        .getContainer(db)
        .stop({ t: 30 })
        .catch(() => undefined),
    {
      weight: 0.3,
      leaves: 'down',
    },
  ),
  {
    name: 'archive',
    about:
      'archiving is turned on as the receipt says, rows are archived, sometimes a new base backup is taken, ' +
      'and it is turned off',
    weight: 0.8,
    applies: (world) => isOpen(world) && world.place?.cluster === 'shop',
    async play(world, scene) {
      const { stage, random } = scene;
      if (random.chance(0.3)) await raiseParameters(scene);
      const before = await archivedSegments(stage.archive.bucket);
      await turnOnArchiving(scene);
      const written = await write(world, scene);
      await archiveAll(scene);
      await demandHistory(scene);
      const isWhole = world.archive.hasHole !== true && (await hasGoneOn(scene, before));
      if (!isWhole) scene.note('it does not go on where the archive ends');
      const hasBackup = random.chance(0.35);
      if (hasBackup) {
        scene.note('a new base backup');
        const { code, stderr } = await execIn(
          stage.db,
          [
            ...[
              'barman-cloud-backup',
              '-z',
              '--endpoint-url',
              S3_ENDPOINT,
              '-h',
              '/var/run/postgresql',
              '-U',
              'postgres',
            ],
            ...['--immediate-checkpoint', `s3://${stage.archive.bucket}/${PREFIX}`, SERVER],
          ],
          { user: 'postgres' },
        );
        if (code !== 0) throw new Error(stderr);
        await archiveAll(scene);
      }
      await must(scene, 'alter system set archive_mode = off');
      await restart(scene);
      const { place, archive } = written;
      if (!place) throw new Error('nothing is in place');
      if (!isWhole && !hasBackup) return [{ ...written, archive: { ...archive, isForked: true, hasHole: true } }];
      const isForked = archive.isForked || place.line !== archive.line;
      return [{ ...written, archive: { end: place.rows, line: place.line, isForked } }];
    },
  },
  {
    name: 'a history is lost',
    about: 'the newest history goes from the archive, by a retention or a filter',
    weight: 0.2,
    applies: ({ archive }) => archive.isForked,
    async play(world, { stage, note }) {
      const { bucket } = stage.archive;
      const histories = (await listKeys(bucket, `${PREFIX}/${SERVER}/wals/`))
        .filter((key) => /\.history/.test(key))
        .sort();
      const newest = histories.at(-1);
      note(`${newest ?? 'no history'} is deleted`);
      if (newest) await deleteObjects(bucket, [newest]);
      return [world];
    },
  },
  {
    name: 'promoted by hand',
    about: 'pg_promote() where ODO has left a server waiting',
    weight: 0.4,
    applies: ({ place, isUp }) => isUp && place?.role === 'waiting',
    async play(world, scene) {
      await must(scene, 'select pg_promote()');
      const { place } = world;
      return place
        ? [{ ...world, place: with_(place, { role: 'primary', line: newLine(), isFinished: true, isByHand: true }) }]
        : [world];
    },
  },
  {
    name: 'a standby by hand',
    about: 'a used server, beside kept old data, is made a standby; a restore must leave it alone',
    weight: 1,
    applies: (world) => isOpen(world) && world.previous !== undefined && world.place?.isByHand !== true,
    async play(world, scene) {
      const { stage } = scene;
      await run('docker', ['exec', '-u', 'postgres', stage.db, 'sh', '-c', 'touch "$PGDATA/standby.signal"']);
      await restart(scene);
      const asked = {
        point: 'latest',
        leave: 'promoted',
        keepPrevious: false,
        wipe: false,
        online: false,
        fresh: false,
      } as const;
      const { code } = await runOdo(scene, restoreArgs(scene, asked));
      if (code !== 24) throw new Defect(`a restore over a used server beside old data ended with ${code}`);
      await run('docker', ['exec', '-u', 'postgres', stage.db, 'sh', '-c', 'rm "$PGDATA/standby.signal"']);
      await restart(scene);
      return [world];
    },
  },
  {
    name: 'nothing but a look',
    about: 'odo status',
    weight: 0.3,
    applies: () => true,
    async play(world, scene) {
      await runOdo(scene, ['status', ...serviceArgs(scene)]);
      return [world];
    },
  },
];
