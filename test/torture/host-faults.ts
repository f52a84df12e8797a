import { setTimeout as sleep } from 'node:timers/promises';
import { engine, execIn, killContainer, lookAt, poll } from './engine.ts';
import { BOTH, type Fault, type Scene } from './fault.ts';
import type { Moment } from './odo-run.ts';

const ANY: readonly Moment['at'][] = [
  'start',
  'prove',
  'stop',
  'lay-down',
  'wal',
  'sync',
  'swap',
  'start',
  'recover',
  'clean',
];

const ALTER_SYSTEM = ['psql', '-XAtq', '-c', "alter system set work_mem = '5MB'"];

/**
 * kill -9 of the program in a container: straight, where its process can be seen from here, else through the engine.
 */
export async function killInside(name: string, isOver: () => boolean): Promise<boolean> {
  let pid = 0;
  const there = await poll(
    async () => {
      pid = (await lookAt(name))?.pid ?? 0;
      return pid > 0 || isOver();
    },
    5000,
    10,
  );
  if (!there || pid === 0) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return killContainer(name);
  }
}

/** Takes all room on the volume but a little, piece by piece, as another program would that writes. */
async function fill({ rig, note }: Omit<Scene, 'run'>, leaveKib: number): Promise<void> {
  note(`the disk is full but for ${leaveKib} KiB`);
  await rig.onVolume(
    `at=0
     for piece in 32768 1024 64; do
       room=$(($(df -k --output=avail /v | tail -n 1) - ${leaveKib}))
       while [ $room -ge $piece ]; do
         fallocate -l \${piece}k /v/filler$at || break
         at=$((at + 1)) room=$((room - piece))
       done
     done`,
  );
}

export const HOST_FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of odo',
    about: 'the command on the host is killed',
    weight: 2,
    moments: ANY,
    repositories: BOTH,
    codes: [null],
    strike: async ({ run }) => run.signal('SIGKILL'),
  },
  {
    name: 'kill -9 of the restore container',
    about: 'the program in the restore container is killed',
    weight: 2,
    moments: ANY,
    repositories: BOTH,
    codes: [20],
    async strike({ rig, run, note }) {
      if (!(await killInside(rig.restoreContainer, run.isOver))) note('there was none any more');
    },
  },
  {
    name: 'kill -9 within the swap',
    about: 'odo, or the program in the restore container, is killed while thousands of entries change places',
    weight: 3,
    moments: ['swap'],
    repositories: ['wide'],
    codes: [null, 20],
    async strike({ rig, run, random, note }) {
      const host = random.chance(0.3);
      note(host ? 'odo is killed' : 'the container is killed');
      if (host) run.signal('SIGKILL');
      else await killInside(rig.restoreContainer, run.isOver);
    },
  },
  {
    name: 'kill -9 within the rollback',
    about:
      'after a Ctrl-C during recovery, the rollback or its container is killed while thousands of entries ' +
      'change places',
    weight: 2,
    moments: ['swap', 'start'],
    repositories: ['wide'],
    codes: [130],
    killsRollback: true,
    strike: async ({ run }) => run.signal('SIGINT'),
  },
  {
    name: 'kill -9 of PostgreSQL',
    about: 'the recovering server is killed',
    moments: ['start', 'recover', 'recover'],
    repositories: BOTH,
    codes: [30, 31],
    stopsServer: true,
    async strike({ rig, note, run }) {
      if (!(await killInside(rig.db, run.isOver))) note('there was none any more');
    },
  },
  {
    name: 'Ctrl-C',
    about: 'SIGINT to the process group',
    weight: 2,
    moments: ANY,
    repositories: BOTH,
    codes: [130],
    strike: async ({ run }) => run.signal('SIGINT'),
  },
  {
    name: 'SIGTERM',
    about: 'SIGTERM to the process',
    moments: ANY,
    repositories: BOTH,
    codes: [130],
    strike: async ({ run }) => run.signal('SIGTERM'),
  },
  {
    name: 'Ctrl-C twice',
    about: 'a second SIGINT up to 0.3 s after the first',
    moments: ANY,
    repositories: BOTH,
    codes: [130, null],
    async strike({ run, random }) {
      run.signal('SIGINT');
      await sleep(random.int(0, 300));
      run.signal('SIGINT');
    },
  },
  {
    name: 'two at once',
    about: 'the same command is started a second time',
    moments: ANY,
    repositories: BOTH,
    codes: [24],
    async strike({ startAnother }) {
      startAnother();
    },
  },
  {
    name: 'docker stop',
    about: "somebody stops the service's container",
    moments: ['start', 'prove', 'lay-down', 'recover', 'recover', 'clean'],
    repositories: BOTH,
    codes: [30, 31],
    stopsServer: true,
    async strike({ rig }) {
      await engine()
        .getContainer(rig.db)
        .stop({ t: 10 })
        .catch(() => undefined);
    },
  },
  {
    name: 'docker start',
    about: "somebody starts the service's container",
    moments: ['stop', 'lay-down', 'lay-down', 'wal', 'sync', 'swap'],
    repositories: BOTH,
    codes: [24],
    async strike({ rig }) {
      await engine()
        .getContainer(rig.db)
        .start()
        .catch(() => undefined);
    },
  },
  {
    name: 'engine away',
    about:
      'all calls to the Docker engine break, and new ones are refused for 0–3 s, or no byte of them passes for 0.5–8 s',
    weight: 2,
    moments: ['start', 'prove', 'stop', 'lay-down', 'wal', 'swap', 'start', 'recover', 'recover', 'recover', 'clean'],
    repositories: BOTH,
    codes: [20, 21],
    needsEngineProxy: true,
    async strike({ engineProxy, random, note }) {
      const forMs = random.chance(0.5) ? random.int(0, 3000) : undefined;
      if (forMs === undefined) engineProxy?.hangFor(random.int(500, 8000));
      else engineProxy?.breakFor(forMs);
      note(forMs === undefined ? 'calls hang' : `calls break, refused for ${forMs} ms`);
    },
  },
  {
    name: 'ALTER SYSTEM',
    about: 'somebody writes postgresql.auto.conf anew, without comments, on the recovering server',
    moments: ['recover', 'recover', 'clean'],
    repositories: BOTH,
    codes: [],
    async strike({ rig, note }) {
      const asked = await poll(async () => (await execIn(rig.db, ALTER_SYSTEM, { user: 'postgres' })).code === 0, 3000);
      if (!asked) note('the server took it no more');
    },
  },
  {
    name: 'engine restart',
    about: 'the Docker engine is stopped or killed, with all containers, and starts again after 0–2 s',
    weight: 4,
    moments: ANY,
    repositories: BOTH,
    codes: [20, 21],
    restartsEngine: true,
    async strike({ rig, random, privateEngine, note }) {
      const signal = random.pick(['SIGTERM', 'SIGKILL'] as const);
      const downMs = random.int(0, 2000);
      note(`${signal}, down for ${downMs} ms`);
      await privateEngine?.restart(signal, downMs);
      await rig.revive();
    },
  },
  {
    name: 'disk fills up',
    about: 'somebody else takes the room on the volume',
    moments: ['lay-down', 'lay-down', 'wal', 'sync', 'start', 'recover', 'clean'],
    repositories: BOTH,
    codes: [23, 30],
    fillsDisk: true,
    strike: async (scene) => fill(scene, scene.random.pick([0, 100, 2000])),
  },
  {
    name: 'write errors',
    about: 'the disk under the volume loses what is written to it, and no write(2) fails',
    moments: ['lay-down', 'lay-down', 'wal', 'sync'],
    repositories: BOTH,
    codes: [25],
    serverMeets: /could not (fsync|write|extend)[^\n]*: Input\/output error/,
    failsDisk: true,
    async strike({ rig, random, note, repairLater }) {
      const mib = random.int(1, 20);
      note(`it takes ${mib} MiB more`);
      repairLater(() => rig.mendDisk());
      await rig.disk?.leaveRoom(mib << 20);
    },
  },
  {
    name: 'small disk',
    about: 'there is too little room from the beginning',
    weight: 0.5,
    moments: [],
    repositories: BOTH,
    codes: [23],
    fillsDisk: true,
    prepare: async (scene) => fill(scene, scene.random.int(500, 20_000)),
  },
];
