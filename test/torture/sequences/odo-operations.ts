import { setTimeout as sleep } from 'node:timers/promises';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { Defect } from '../judge.ts';
import { startOdo } from '../odo-run.ts';
import { PREFIX } from './archive.ts';
import { type Asked, afterClean, afterPromote, afterRestore, afterRollback, type Expected } from './expect.ts';
import { interrupt } from './interrupt.ts';
import type { Operation, Scene } from './operation.ts';
import { expectNoContainer, runOdo } from './run-odo.ts';
import { RESTORE_POINTS, type World } from './world.ts';

/** The arguments that say which service. */
export function serviceArgs({ stage, product }: Scene): string[] {
  return ['-v', 'db', '-n', 'db', '-f', stage.composeFile, '--image', product.image];
}

export function restoreArgs(scene: Scene, asked: Asked): string[] {
  const { point, leave, keepPrevious, wipe, online, fresh } = asked;
  return [
    ...['-u', `s3://${scene.stage.archive.bucket}/${PREFIX}`, ...serviceArgs(scene), '--yes'],
    ...['--retry-for', '5', '--stall-timeout', '40', '--stop-timeout', '20'],
    ...(point === 'latest' ? [] : ['--target-name', point]),
    ...(leave === 'paused'
      ? ['--target-action', 'pause']
      : leave === 'shut down'
        ? ['--target-action', 'shutdown']
        : []),
    ...(leave === 'standby' ? ['--standby'] : []),
    ...(keepPrevious ? ['--keep-previous'] : []),
    ...(wipe ? ['--wipe'] : []),
    ...(online ? ['--online'] : []),
    ...(fresh ? ['--fresh'] : []),
  ];
}

function draw({ random }: Scene, leave: Asked['leave'], point: Asked['point']): Asked {
  const wipe = random.chance(0.12);
  return {
    ...{ point, leave, wipe },
    keepPrevious: !wipe && random.chance(0.3),
    online: !wipe && random.chance(0.25),
    fresh: random.chance(0.15),
  };
}

/** A command that goes to its end. */
async function whole(
  world: World,
  scene: Scene,
  args: readonly string[],
  expected: Expected,
): Promise<readonly World[]> {
  const { code } = await runOdo(scene, args);
  if (code === 0) {
    if (expected.mustRefuse) throw new Defect(`odo ${args[0]} has done what it must refuse`);
    return expected.worlds;
  }
  if (!expected.refusals.includes(code ?? -1)) throw new Defect(`odo ended with ${code}, which does not fit`);
  return [world];
}

function restore(name: string, leave: Asked['leave'], pick: (scene: Scene) => Asked['point'], weight = 1): Operation[] {
  const isSound = (world: World) => leave !== 'standby' || !world.archive.isForked;
  return [
    {
      name,
      about: `odo restore, and the server is left ${leave}`,
      weight,
      applies: isSound,
      play(world, scene) {
        const asked = draw(scene, leave, pick(scene));
        return whole(world, scene, restoreArgs(scene, asked), afterRestore(world, asked));
      },
    },
    {
      name: `${name}, interrupted`,
      about: 'the same, with the command or its container killed at a moment that is aimed at, or by Ctrl-C',
      weight,
      applies: isSound,
      play(world, scene) {
        const asked = draw(scene, leave, pick(scene));
        const command = {
          args: restoreArgs(scene, asked),
          expected: afterRestore(world, asked),
          serviceArgs: serviceArgs(scene),
        };
        return interrupt(world, scene, command);
      },
    },
  ];
}

/** A command that works on what a restore has left. */
function simple(
  name: string,
  about: string,
  expect: (world: World) => Expected,
  rest: readonly string[],
  weight: number,
): Operation[] {
  const args = (scene: Scene) => [name, ...serviceArgs(scene), ...rest];
  return [
    {
      name,
      about,
      weight,
      applies: () => true,
      play: (world, scene) => whole(world, scene, args(scene), expect(world)),
    },
    {
      name: `${name}, interrupted`,
      about: 'the same, interrupted',
      weight: weight / 2,
      applies: (world) => world.previous !== undefined,
      play: (world, scene) =>
        interrupt(world, scene, { args: args(scene), expected: expect(world), serviceArgs: serviceArgs(scene) }),
    },
  ];
}

const anyPoint = ({ random }: Scene) => random.pick(RESTORE_POINTS);

export const ODO_OPERATIONS: readonly Operation[] = [
  ...restore('restore to the latest', 'promoted', () => 'latest', 2),
  ...restore('restore to a moment', 'promoted', anyPoint),
  ...restore('restore and pause', 'paused', anyPoint, 2),
  ...restore('restore and shut down', 'shut down', anyPoint, 0.5),
  ...restore('restore a standby', 'standby', () => 'latest', 0.7),
  ...simple('promote', 'odo promote', afterPromote, [], 1.5),
  ...simple('rollback', 'odo rollback --yes', afterRollback, ['--yes'], 2),
  ...simple('clean', 'odo clean', afterClean, ['--yes'], 1),
  ...simple(
    'clean',
    'odo clean --accept-loss',
    (world) => afterClean(world, { acceptLoss: true }),
    ['--yes', '--accept-loss'],
    0.5,
  ).map((operation) => ({ ...operation, name: operation.name.replace('clean', 'clean what is given up') })),
  {
    name: 'look',
    about: 'odo status, check, list and a dry run, which change nothing',
    applies: () => true,
    async play(world, scene) {
      const asked: Asked = {
        point: 'latest',
        leave: 'promoted',
        keepPrevious: false,
        wipe: false,
        online: false,
        fresh: false,
      };
      const all = restoreArgs(scene, asked);
      const [, url = ''] = all;
      await runOdo(scene, ['status', ...serviceArgs(scene)]);
      await runOdo(scene, ['list', '-u', url]);
      await runOdo(scene, ['check', ...all]);
      await runOdo(scene, [...all, '--dry-run']);
      return [world];
    },
  },
  {
    name: 'temporary server',
    about: 'odo restore --temporary, and its end',
    weight: 0.5,
    applies: ({ archive }) => !archive.isForked,
    async play(world, scene) {
      const asked: Asked = {
        ...draw(scene, 'promoted', 'latest'),
        keepPrevious: false,
        wipe: false,
        online: false,
        fresh: false,
      };
      const { code, stdout } = await runOdo(scene, [...restoreArgs(scene, asked), '--temporary']);
      if (code !== 0) throw new Defect(`a temporary server ended with ${code}`);
      const { temporary } = JSON.parse(stdout) as { temporary: { name: string } };
      const stopped = await runOdo(scene, ['temporary', 'stop', temporary.name, '--yes']);
      if (stopped.code !== 0) throw new Defect(`temporary stop ended with ${stopped.code}`);
      return [world];
    },
  },
  {
    name: 'follow',
    about: 'odo follow for a moment, ended by Ctrl-C',
    weight: 0.5,
    applies: ({ place, isUp }) => place?.role === 'standby' && isUp,
    async play(world, scene) {
      const { stage, product } = scene;
      const url = `s3://${stage.archive.bucket}/${PREFIX}`;
      const run = startOdo(product, ['follow', '-u', url, ...serviceArgs(scene)], { S3_ENDPOINT });
      await Promise.race([sleep(1500), run.ended]);
      run.signal('SIGINT');
      const { code } = await run.ended;
      scene.ended('follow', code);
      await expectNoContainer(stage);
      if (code !== 0 && code !== 130) throw new Defect(`odo follow ended with ${code}`);
      return [world];
    },
  },
];
