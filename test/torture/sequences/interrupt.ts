import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalState } from '../../../src/tree/exchange/journal.ts';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { engine, lookAt } from '../engine.ts';
import { killInside } from '../host-faults.ts';
import { Defect } from '../judge.ts';
import { type OdoRun, startOdo } from '../odo-run.ts';
import { afterClean, afterRollback, type Expected } from './expect.ts';
import type { Scene } from './operation.ts';
import { endOf, runOdo } from './run-odo.ts';
import type { Stage } from './stage.ts';
import type { World } from './world.ts';

/** Between two looks at what is aimed at: renames of a few hundred names take longer. */
const LOOK_EVERY_MS = 1;

type Blow = 'Ctrl-C' | 'kill -9 of odo' | 'kill -9 of the container';

/** A moment: the journal says this, so many names have come into `previous`, and so long ago. */
interface Aim {
  state: JournalState;
  movedNames: number;
  delayMs: number;
}

const AIMED: readonly JournalState[] = [
  'laying-down',
  'staged',
  'moving-out',
  'moving-in',
  'swapped',
  'moving-back',
  'clearing',
];

/** A command that is struck, and what it would make of the world. */
export interface Interrupted {
  args: readonly string[];
  expected: Expected;
  /** Which service it is of. */
  serviceArgs: readonly string[];
}

/** Starts a command, strikes it at a moment that is aimed at, and goes on in one of the ways that people have then. */
export async function interrupt(world: World, scene: Scene, command: Interrupted): Promise<readonly World[]> {
  const { args, expected } = command;
  const { random, stage, product } = scene;
  const aim: Aim = {
    state: random.pick(AIMED),
    movedNames: random.int(0, 60),
    delayMs: random.chance(0.6) ? 0 : random.int(1, 900),
  };
  const blow = random.pick([
    'Ctrl-C',
    'kill -9 of odo',
    'kill -9 of the container',
    'kill -9 of the container',
  ] as const);
  const run = startOdo(product, args, { S3_ENDPOINT });
  const struck = (await reach(aim, stage, run)) && (await strike(blow, stage, run));
  scene.note(
    `${blow} at ${aim.state}, ${aim.movedNames} names moved, ${aim.delayMs} ms later${struck ? '' : ': it was over'}`,
  );
  const { code } = await endOf(scene, run);
  if (code === 0 && expected.mustRefuse) throw new Defect('it has done what it must refuse');
  if (code === 0) return expected.worlds;
  if (!struck && expected.refusals.includes(code ?? -1)) return [world];
  return goOn(world, scene, command);
}

/** The server was stopped, or not; what was laid down waits, or not. */
function unfinished(world: World, expected: Expected): World[] {
  const staged = { ...world, mayBeStaged: true };
  // A restore first takes back one that waits.
  const takenBack =
    world.place && world.place.role !== 'primary' ? [{ ...staged, place: world.previous, previous: undefined }] : [];
  const wiped = expected.worlds.some(({ place, previous }) => place && !previous)
    ? [{ ...staged, place: undefined, previous: undefined }]
    : [];
  return [staged, ...takenBack, ...wiped];
}

/** What people do when a command was cut off: the same again, back, clean, or simply start the service. */
async function goOn(world: World, scene: Scene, command: Interrupted): Promise<readonly World[]> {
  const { args, expected, serviceArgs } = command;
  const { random, stage } = scene;
  const state = journalState(stage);
  const isStill = state === undefined || state === 'laying-down' || state === 'staged';
  const before = unfinished(world, expected);
  const ways = isStill ? ['same', 'rollback', 'start'] : ['same', 'rollback'];
  const way = state === 'clearing' ? random.pick(['same', 'clean']) : random.pick(ways);
  scene.note(`the journal says ${state ?? 'nothing'}; ${way}`);
  const done = [...expected.worlds, ...before];
  if (way === 'start') {
    if (!(await lookAt(stage.db))?.running && !isEmpty(stage)) await engine().getContainer(stage.db).start();
    return upOr([...whereDataLies(before, stage), ...expected.worlds]);
  }
  if (way === 'clean') {
    const { code } = await runOdo(scene, ['clean', ...serviceArgs, '--accept-loss']);
    if (code !== 0) throw new Defect(`odo clean ended with ${code} where the old data was being removed`);
    return upOr(whereDataLies(done, stage).flatMap((one) => afterClean(one, { acceptLoss: true }).worlds));
  }
  const same = way === 'same' ? await runOdo(scene, args) : undefined;
  if (same?.code === 0) return [...expected.worlds, ...done.filter(({ previous }) => !previous)];
  if (same && ![2, 24, ...expected.refusals].includes(same.code ?? -1)) {
    throw new Defect(`the same command again ended with ${same.code}`);
  }
  const back = await runOdo(scene, ['rollback', ...serviceArgs, '--yes']);
  if (back.code !== 0) throw new Defect(`the rollback ended with ${back.code}`);
  if (args.includes('--wipe') && state === 'swapped') {
    // There is nothing to go back to, and a server whose recovery was broken off does not come up by itself.
    scene.note('the same, as the message says');
    const again = await runOdo(scene, args);
    if (again.code === 0) return expected.worlds;
    if (![24, ...expected.refusals].includes(again.code ?? -1)) {
      throw new Defect(`the same command after a rollback that had nothing to do ended with ${again.code}`);
    }
  }
  const between = expected.worlds.flatMap((one) => betweenExchangeAndEnd(world, one));
  const ended = [...done, ...between].flatMap((one) => [one, ...afterRollback(one).worlds, ...backFrom(world, one)]);
  // A content that was being put away when the blow came is put away by now.
  return upOr(whereDataLies(ended, stage));
}

/** The restored server has come out of its recovery by itself, and nobody has removed the old data. */
function betweenExchangeAndEnd(before: World, after: World): World[] {
  const old = before.place?.role === 'primary' ? before.place : before.previous;
  return after.place && after.previous === undefined && old ? [{ ...after, previous: old }] : [];
}

/** A new content whose recovery nobody has seen through: what was there is back. */
function backFrom(before: World, after: World): World[] {
  return after.previous === undefined ? [] : [{ ...before, isUp: true, mayBeStaged: false }];
}

/** The service may or may not run by now; what it holds is what counts. */
function upOr(worlds: readonly World[]): World[] {
  return worlds.flatMap((world) =>
    world.isUp ? [world, { ...world, isUp: false }] : [world, { ...world, isUp: true }],
  );
}

/** The worlds in which there is data in place, or those in which there is none, as the disk says. */
function whereDataLies(worlds: readonly World[], stage: Stage): World[] {
  return worlds.filter(({ place }) => (place === undefined) === isEmpty(stage));
}

/** There is nothing that a server would start on: a deletion begins with this file. */
function isEmpty(stage: Stage): boolean {
  return !fs.existsSync(path.join(stage.dataDirectory(), 'global/pg_control'));
}

function journalState(stage: Stage): JournalState | undefined {
  try {
    const text = fs.readFileSync(path.join(stage.odoDirectory(), 'journal.json'), 'utf8');
    return (JSON.parse(text) as { state: JournalState }).state;
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): number {
  try {
    return fs.readdirSync(directory).length;
  } catch {
    return 0;
  }
}

/** Looks at the volume itself, since by the time that a command has told of something it is over. */
async function reach(aim: Aim, stage: Stage, run: OdoRun): Promise<boolean> {
  const previous = path.join(stage.odoDirectory(), 'previous');
  while (!run.isOver()) {
    const state = journalState(stage);
    const isMoving = state === 'moving-out' || state === 'moving-back' || state === 'clearing';
    if (state === aim.state && (!isMoving || aim.delayMs > 0 || namesIn(previous) >= aim.movedNames)) {
      if (aim.delayMs > 0) await Promise.race([sleep(aim.delayMs), run.ended]);
      return !run.isOver();
    }
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

async function strike(blow: Blow, stage: Stage, run: OdoRun): Promise<boolean> {
  if (blow === 'Ctrl-C') run.signal('SIGINT');
  else if (blow === 'kill -9 of odo') run.signal('SIGKILL');
  else return killInside(stage.restoreContainer, run.isOver);
  return true;
}
