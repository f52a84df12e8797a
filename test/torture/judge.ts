import type { Phase } from '../../src/events.ts';
import { engine, killContainer, lookAt, poll } from './engine.ts';
import type { Fault } from './fault.ts';
import { killInside } from './host-faults.ts';
import { type Ending, type OdoRun, startOdo } from './odo-run.ts';
import type { Product } from './product.ts';
import type { Random } from './random.ts';
import type { Rig, ServerWords } from './rig.ts';

/** How a run ended, as far as it is allowed to. */
export const OUTCOMES = ['restored', 'old kept', 'rolled back', 'resumed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Failures before the exchange that may keep what was laid down, for the next run. */
const RESUMABLE = new Set<number | null>([10, 11, 20, 23, 130, null]);
const CONTAINER_GONE_MS = 15_000;
/** A little longer than the next command gives a container from its creation to its start. */
const UNSTARTED_MS = 31_000;
const RUN_MS = 120_000;

/** All that is needed to say what became of the volume. */
export interface Case {
  product: Product;
  rig: Rig;
  fault: Fault;
  random: Random;
  /** The restore's arguments and environment, to run it again without the fault. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** All runs of the command that were under way at once. */
  runs: readonly OdoRun[];
  /** What a full restore gives, and what one up to a hole in the archive gives, which takes a warning. */
  fullDigest: string;
  holeDigests: readonly string[];
  /** What one gives that never saw the last segment. */
  earlyEnds: { digest: string; lost: string }[];
  /** Ends the fault, as far as it lasts. */
  repair(): Promise<void>;
  note(text: string): void;
  /** The restored server was asked, which is a commit of its own: what a rollback sets aside of it is the only copy. */
  isRestoredAsked?: boolean;
  /** Keeps every later run, for the report of a defect. */
  alsoRan(title: string, run: OdoRun): void;
}

/** What is not as it was promised. */
export class Defect extends Error {}

/** After any outcome the same command is right once more. */
export async function restoreOnceMore(a: Case): Promise<void> {
  await a.repair();
  a.note('once more');
  await again(a);
}

/**
 * Sees the run to its end and proves by asking that the volume is in one of the promised states; anything else is a
 * Defect.
 */
export async function judge(a: Case): Promise<Outcome> {
  const endings = await Promise.all(a.runs.map((run) => end(run)));
  await noContainerLeft(a);
  const worst = endings.filter(({ code }) => code !== 0);
  // A signal that comes before the program has begun to listen for it simply ends it, and then nothing has happened
  // yet.
  const isUnborn = a.runs.every(({ events }) => events.length === 0);
  for (const { code } of worst) {
    if (!a.fault.codes.includes(code) && !(code === null && isUnborn) && !(code === 30 && isMetByServer(a)))
      throw new Defect(`exit code ${code} does not fit the fault`);
  }
  if (worst.length < endings.length) {
    await onMendedDisk(a);
    await startIfStopped(a);
    await expectRestored(a, true);
    return 'restored';
  }
  const [first] = worst;
  const [run] = a.runs;
  if (!first || !run) throw new Error('nothing ran');
  // The second Ctrl-C ends it at once, without a word on the data.
  const isMute = run.events.every(({ event }) => event.type !== 'error');
  if (first.code === null || isMute) return afterKill(a);
  const cleaning = printedCommand(run, 'clean');
  if (cleaning) return cleanUp(a, cleaning);
  const command = printedCommand(run, 'rollback');
  if (command) return rollBack(a, withImage(a, command));
  return a.fault.restartsEngine ? afterKill(a) : oldKept(a, first.code);
}

function isMetByServer({ runs, fault: { serverMeets } }: Case): boolean {
  const errors = runs.flatMap(({ events }) => events.flatMap(({ event }) => (event.type === 'error' ? [event] : [])));
  return serverMeets !== undefined && errors.some(({ message }) => serverMeets.test(message));
}

/** What counts is what the disk has, once it takes everything again. */
async function onMendedDisk(a: Case): Promise<void> {
  if (!a.fault.failsDisk) return;
  await a.repair();
  if (!(await lookAt(a.rig.db))?.running) await a.rig.start();
}

/** The fault itself may have stopped a server that ODO had proven. */
async function startIfStopped({ rig, fault }: Case): Promise<void> {
  if ((fault.stopsServer || fault.restartsEngine) && !(await lookAt(rig.db))?.running) await rig.start();
}

async function end(run: OdoRun): Promise<Ending> {
  const timer = AbortSignal.timeout(RUN_MS);
  const ending = await Promise.race([
    run.ended,
    new Promise<undefined>((resolve) => timer.addEventListener('abort', () => resolve(undefined))),
  ]);
  if (ending) return ending;
  run.signal('SIGKILL');
  await run.ended;
  throw new Defect(`it was still running after ${RUN_MS / 1000} s`);
}

async function noContainerLeft({ rig }: Case): Promise<void> {
  // What a kill has left before its start the next command removes, once nobody can be about to start it.
  const isOver = async () => {
    const seen = await lookAt(rig.restoreContainer);
    return seen === undefined || (seen.unstartedMs ?? 0) > UNSTARTED_MS;
  };
  if (await poll(isOver, CONTAINER_GONE_MS)) return;
  const { unstartedMs } = (await lookAt(rig.restoreContainer)) ?? {};
  if (unstartedMs !== undefined && (await poll(isOver, UNSTARTED_MS, 500))) return;
  await killContainer(rig.restoreContainer);
  await engine()
    .getContainer(rig.restoreContainer)
    .remove({ force: true })
    .catch(() => undefined);
  throw new Defect(`the restore container was still there after ${CONTAINER_GONE_MS / 1000} s`);
}

async function expectRestored(a: Case, mayWarn: boolean): Promise<void> {
  const { rig, fullDigest, holeDigests, earlyEnds, runs } = a;
  const words = await rig.askWhenUp();
  if (!words) throw new Defect('exit code 0, and the restored server is not up');
  const warned = runs.some(({ lines }) => lines.some(({ text }) => /the archive lacks|archive has a hole/.test(text)));
  const isHole = warned && holeDigests.includes(words.digest);
  const isEnd = earlyEnds.some(
    ({ digest, lost }) => digest === words.digest && !runs.some((run) => hasSeen(run, lost)),
  );
  if (words.digest !== fullDigest && !(mayWarn && (isHole || isEnd))) {
    throw new Defect(`exit code 0, and the server holds ${describe(rig, words, fullDigest)}`);
  }
  const left = await rig.onVolume(
    `cd /v; ls -d .odo pgdata/*.signal 2>/dev/null; grep -l restore_command pgdata/postgresql.auto.conf;
     find pgdata \\( ! -user 999 -o ! -group 999 \\) | head -n 3; true`,
  );
  if (left !== '') throw new Defect(`exit code 0, and this is left: ${left.replaceAll('\n', ', ')}`);
}

/** Whether a run knew of a segment when it was proven that there is WAL. */
function hasSeen({ events }: OdoRun, segment: string): boolean {
  return events.some(
    ({ event }) => event.type === 'proof' && event.name === 'WAL' && event.evidence?.includes(segment),
  );
}

/** A failure before the exchange: nobody has to do anything, the service runs on its old data. */
async function oldKept(a: Case, code: number | null): Promise<Outcome> {
  const { rig } = a;
  if (a.fault.fillsDisk && !(await rig.askWhenUp())) {
    // Somebody else has taken all of the room: no server starts without any.
    const keptKib = Number(await rig.onVolume('[ ! -d /v/.odo ] || du -sk /v/.odo | cut -f 1'));
    if (keptKib > 1024)
      throw new Defect(`the ${keptKib} KiB that are kept for resuming leave the old server no room to start`);
    a.note('the old server needs room to start');
    await a.repair();
    await rig.start();
  }
  await onMendedDisk(a);
  await expectOld(a, `after exit code ${code}`);
  await a.repair();
  const staged = await rig.onVolume('ls -A /v/.odo 2>/dev/null; true');
  if (staged === '') return 'old kept';
  // Nothing could be removed from a disk that had made itself read-only.
  if (a.fault.failsDisk) return again(a);
  if (!RESUMABLE.has(code)) throw new Defect(`exit code ${code} leaves .odo with ${staged.replaceAll('\n', ', ')}`);
  return a.random.chance(0.5) ? again(a) : 'old kept';
}

async function expectOld({ rig }: Case, when: string): Promise<void> {
  const words = await rig.askWhenUp();
  if (!words) throw new Defect(`${when} the old server is not up`);
  if (words.digest !== rig.oldDigest) throw new Defect(`${when} the server holds ${describe(rig, words)}`);
}

/** The way that the message names. */
async function rollBack(a: Case, command: readonly string[]): Promise<Outcome> {
  const sure = [...command, '--yes'];
  // Nobody goes back on a disk that loses what is written to it.
  if (a.fault.failsDisk) await a.repair();
  if (a.fault.killsRollback || a.random.chance(0.2)) {
    await killLater(
      a,
      'rollback, to be killed',
      sure,
      a.fault.killsRollback ? { at: 'swap', atMostMs: 300 } : { atMostMs: 1500 },
    );
    // Whoever is at a loss by now may as well try the restore again.
    if (a.random.chance(0.4)) {
      await a.repair();
      return again(a);
    }
  }
  let ending = await follow(a, 'rollback', sure);
  if (ending.code !== 0 && a.fault.fillsDisk) {
    a.note(`the rollback ended with ${ending.code} on the full disk, and is run again with room`);
    await a.repair();
    ending = await follow(a, 'rollback with room', sure);
  }
  if (ending.code !== 0) throw new Defect(`the rollback that was printed ended with ${ending.code}`);
  await expectOld(a, 'after the rollback');
  await a.repair();
  const { isKept, rolledBack } = JSON.parse(ending.stdout) as { isKept: boolean; rolledBack: boolean };
  if (isKept) await removeRestored(a);
  const left = await a.rig.onVolume('ls -A /v/.odo 2>/dev/null; true');
  // The exchange had not been made, or was taken back: what was laid down stays for the same command.
  if (left !== '' && !rolledBack) return again(a);
  if (left !== '') throw new Defect(`the rollback leaves .odo with ${left.replaceAll('\n', ', ')}`);
  return 'rolled back';
}

/** What a rollback has set aside, since a server had been in use on it. */
async function removeRestored(a: Case): Promise<void> {
  const [, ...rest] = rollbackCommand(a);
  if (a.isRestoredAsked) {
    const refused = await follow(a, 'clean that would lose a commit', ['clean', ...rest]);
    if (refused.code !== 24)
      throw new Defect(`the clean-up of what has a commit of its own ended with ${refused.code}`);
  }
  const { code } = await follow(a, 'clean after the rollback', [
    'clean',
    ...(a.isRestoredAsked ? ['--accept-loss'] : []),
    ...rest,
  ]);
  if (code !== 0) throw new Defect(`the clean-up after a rollback ended with ${code}`);
  await expectOld(a, 'after what was set aside is gone');
}

/** The restore has succeeded, and only its rest is to be removed. */
async function cleanUp(a: Case, command: readonly string[]): Promise<Outcome> {
  await a.repair();
  await startIfStopped(a);
  const ending = await follow(a, 'clean', withImage(a, command));
  if (ending.code !== 0) throw new Defect(`the clean-up that was printed ended with ${ending.code}`);
  await expectRestored(a, true);
  return 'restored';
}

/** The image of these runs is not the one that a user has. */
function withImage({ product }: Case, command: readonly string[]): string[] {
  return command.includes('--image') ? [...command] : [...command, '--image', product.image];
}

/**
 * The host command was killed and could say nothing: the same command again, or a rollback, must lead to a good end.
 */
async function afterKill(a: Case): Promise<Outcome> {
  await a.repair();
  if (a.random.chance(0.7)) return again(a);
  const ending = await follow(a, 'rollback after the kill', [...rollbackCommand(a), '--yes']);
  if (ending.code !== 0) throw new Defect(`the rollback after a kill ended with ${ending.code}`);
  const { rolledBack } = JSON.parse(ending.stdout) as { rolledBack: boolean };
  if (rolledBack) {
    await expectOld(a, 'after the rollback');
    return 'rolled back';
  }
  a.note('there was nothing to roll back');
  const words = await a.rig.askWhenUp();
  if (words?.digest === a.rig.oldDigest) return again(a);
  const [, ...rest] = rollbackCommand(a);
  if (words?.digest === a.fullDigest) return cleanUp(a, ['clean', '--accept-loss', ...rest]);
  throw new Defect(`after a kill and "nothing to roll back" the server holds ${describe(a.rig, words, a.fullDigest)}`);
}

/** The same command once more; sometimes that one is killed as well, and then a third time. */
async function again(a: Case): Promise<Outcome> {
  if (a.random.chance(0.2)) await killLater(a, 'again, to be killed', a.args, { atMostMs: 4000 });
  const run = startOdo(a.product, a.args, a.env);
  a.alsoRan('again', run);
  const { code } = await end(run);
  await noContainerLeft(a);
  if (code === 24) return usedSince(a, run);
  if (code !== 0) throw new Defect(`the same command again ended with ${code}`);
  await expectRestored(a, false);
  return 'resumed';
}

/**
 * A command of ours that is itself killed, or its container, some time within `atMostMs` from its start or that of a
 * phase.
 */
async function killLater(
  a: Case,
  title: string,
  args: readonly string[],
  when: { at?: Phase; atMostMs: number },
): Promise<void> {
  const run = startOdo(a.product, args, a.env);
  a.alsoRan(title, run);
  const delayMs = a.random.int(0, when.atMostMs);
  if (when.at) await run.saw((event) => event.type === 'phase' && event.phase === when.at && event.state === 'started');
  await Promise.race([new Promise((resolve) => setTimeout(resolve, delayMs)), run.ended]);
  if (a.random.chance(when.at ? 0.2 : 0.5)) run.signal('SIGKILL');
  else await killInside(a.rig.restoreContainer, run.isOver);
  a.note(`${title} after ${delayMs} ms`);
  await end(run);
  await noContainerLeft(a);
}

/** Killed so late that the restored server had recovered: it may be used already, and so only the user can choose. */
async function usedSince(a: Case, run: OdoRun): Promise<Outcome> {
  if (!(await lookAt(a.rig.db))?.running) await a.rig.start();
  const words = await a.rig.askWhenUp();
  if (run.lines.some(({ text }) => text.includes('set aside by a rollback'))) {
    a.note('the rollback had come to its end before it was killed, or the restore brought it there');
    await removeRestored(a);
    return 'rolled back';
  }
  if (words?.digest !== a.fullDigest) {
    throw new Defect(
      `the same command again ended with 24, and the server holds ${describe(a.rig, words, a.fullDigest)}`,
    );
  }
  if (!/odo rollback/.test(run.lines.map(({ text }) => text).join()))
    throw new Defect('24 without a word on the way back');
  a.note('the restored server had recovered before the kill');
  a.isRestoredAsked = true;
  const [, ...rest] = rollbackCommand(a);
  return a.random.chance(0.5) ? rollBack(a, ['rollback', ...rest]) : cleanUp(a, ['clean', '--accept-loss', ...rest]);
}

async function follow(a: Case, title: string, args: readonly string[]): Promise<Ending> {
  const run = startOdo(a.product, args, a.env);
  a.alsoRan(title, run);
  const ending = await end(run);
  await noContainerLeft(a);
  if (ending.code === 1) throw new Defect(`${title} ended with 1, which stands for a bug`);
  return ending;
}

/** The arguments of the command line that the error names. */
function printedCommand(run: OdoRun, command: 'rollback' | 'clean'): string[] | undefined {
  for (const { event } of run.events) {
    if (event.type !== 'error') continue;
    const words = new RegExp(`\\bodo (${command} -.*)`).exec(event.hint ?? '')?.[1];
    if (words) return words.trim().split(' ');
  }
  return undefined;
}

function rollbackCommand({ rig, product }: Case): string[] {
  return ['rollback', '-v', 'db', '-n', 'db', '-f', rig.composeFile, '--image', product.image];
}

function describe(rig: Rig, words: ServerWords | undefined, full?: string): string {
  if (!words) return 'nothing: it is not up';
  const whose =
    words.digest === rig.oldDigest ? 'the old data' : words.digest === full ? 'the restored data' : 'other data';
  return `${whose} (${words.digest})`;
}
