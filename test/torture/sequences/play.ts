import fs from 'node:fs';
import path from 'node:path';
import { lookAt } from '../engine.ts';
import { Defect } from '../judge.ts';
import type { Product } from '../product.ts';
import { createRandom } from '../random.ts';
import type { Scene } from './operation.ts';
import type { PlannedSequence } from './plan.ts';
import type { Stage } from './stage.ts';
import { type Content, rowsAt, sameRows, type World, wordsOf, worldWords } from './world.ts';

/** What came of one sequence. */
export interface SequenceVerdict {
  planned: PlannedSequence;
  /** Names of the operations that were played, in their order. */
  played: readonly string[];
  /** How each command has ended. */
  codes: readonly { command: string; code: number | null }[];
  elapsedMs: number;
  /** Of a defect: what it is, and everything that was done and said. */
  defect?: { words: string; evidence: string };
}

const MOST_PLAYED = 9;

function beginning({ old }: PlannedSequence): World {
  const rows = old === 'same' ? new Set([...rowsAt('rp4'), 'unarchived']) : new Set(['foreign']);
  const content: Content = {
    ...{ rows, cluster: old === 'same' ? 'shop' : 'other', line: old === 'same' ? 1 : 0, role: 'primary' },
    ...{ isFinished: false, keepsPrevious: false },
  };
  return {
    ...{ place: old === 'empty' ? undefined : content, previous: undefined, isUp: old !== 'empty', mayBeStaged: false },
    archive: { end: rowsAt('rp4'), line: 1, isForked: false },
  };
}

/** Plays the steps of these indices (all when not given), and compares the real thing with the model after each. */
export async function playSequence(
  stage: Stage,
  product: Product,
  seed: number,
  planned: PlannedSequence,
  only?: ReadonlySet<number>,
): Promise<SequenceVerdict> {
  const startedAt = performance.now();
  const played: string[] = [];
  const codes: { command: string; code: number | null }[] = [];
  const notes: string[] = [];
  let tags = 0;
  const verdict = (defect?: SequenceVerdict['defect']): SequenceVerdict => ({
    ...{ planned, played, codes, elapsedMs: Math.round(performance.now() - startedAt) },
    ...(defect ? { defect } : {}),
  });
  try {
    await stage.reset(planned.old, planned.layout);
    let world = beginning(planned);
    const timelines: Timelines = new Map([['shop/1', '00000001']]);
    notes.push(`old data: ${planned.old}, PGDATA ${planned.layout}`, `  ${worldWords(world)}`);
    for (const { operation, index } of planned.steps) {
      if (played.length >= MOST_PLAYED) break;
      if ((only && !only.has(index)) || !operation.applies(world)) continue;
      played.push(operation.name);
      notes.push(`step ${index}: ${operation.name}`);
      const scene: Scene = {
        ...{ stage, product, random: createRandom(seed, 'step', planned.number, index) },
        note: (text) => void notes.push(`  ${text}`),
        ended: (command, code) => void codes.push({ command, code }),
        newTag: () => `w${index}.${++tags}`,
      };
      world = await demandOneOf(stage, await operation.play(world, scene), timelines);
      notes.push(`  ${worldWords(world)}`);
    }
    return verdict();
  } catch (error) {
    const words = error instanceof Defect ? error.message : `the harness failed: ${(error as Error).stack}`;
    return verdict({ words, evidence: [...notes, words, await stateOf(stage)].join('\n') });
  }
}

/** PostgreSQL's timeline of each line of each cluster that was seen on a server. */
type Timelines = Map<string, string>;

/**
 * Finds out what there is, and gives the world that it is. Of worlds with the same rows, the server's timeline tells
 * which it is.
 */
async function demandOneOf(stage: Stage, worlds: readonly World[], timelines: Timelines): Promise<World> {
  const fitting: World[] = [];
  const misfits: string[] = [];
  const copies = new Map<string, ReturnType<Stage['askCopy']>>();
  const askCopy = (directory: string) => {
    const asked = copies.get(directory) ?? stage.askCopy(directory);
    copies.set(directory, asked);
    return asked;
  };
  const isRunning = (await lookAt(stage.db))?.running ?? false;
  const answers = isRunning ? await stage.ask() : undefined;
  for (const world of worlds) {
    const misfit = await misfitOf(world);
    if (misfit === undefined) fitting.push(world);
    else misfits.push(`  not ${worldWords(world)}:\n    ${misfit}`);
  }
  const actual = answers && !answers.inRecovery ? await timelineNow(stage) : undefined;
  const lineOf = ({ place }: World) => `${place?.cluster}/${place?.line}`;
  const known = (world: World) => timelines.get(lineOf(world));
  const found =
    fitting.find((world) => known(world) === actual) ??
    fitting.find((world) => known(world) === undefined) ??
    fitting[0];
  if (found) {
    if (actual !== undefined) timelines.set(lineOf(found), actual);
    return found;
  }
  throw new Defect(`what there is fits none of what it may be\n${[...new Set(misfits)].join('\n')}`);

  async function misfitOf({ place, previous, isUp }: World): Promise<string | undefined> {
    if (isUp !== isRunning && place !== undefined) return `the service is ${isRunning ? 'up' : 'down'}`;
    const isThere = fs.existsSync(path.join(stage.dataDirectory(), 'global'));
    if (!place) {
      if (isThere) return 'there is a data directory in place';
      if (answers) return `a server answers, with ${wordsOf(answers.rows)}`;
    } else if (!isThere) {
      return 'there is no data directory in place';
    } else if (isUp) {
      if (!answers) return 'the server does not answer';
      const misfit = misfitOfContent(place, answers.inRecovery, answers.rows, answers.damage);
      if (misfit) return `in place: ${misfit}`;
    } else if (place.role === 'primary') {
      const copy = await askCopy(path.join('/v', path.relative(stage.mountpoint, stage.dataDirectory())));
      if (typeof copy === 'string') return copy;
      const misfit = misfitOfContent(place, false, copy.rows, copy.damage);
      if (misfit) return `in place: ${misfit}`;
    }
    const aside = path.join(stage.odoDirectory(), 'previous');
    const isAside = fs.existsSync(aside) && fs.readdirSync(aside).length > 0;
    if (isAside !== (previous !== undefined)) return isAside ? 'old data is kept' : 'no old data is kept';
    if (previous?.role !== 'primary') return undefined;
    const copy = await askCopy('/v/.odo/previous');
    if (typeof copy === 'string') return copy;
    const misfit = misfitOfContent(previous, false, copy.rows, copy.damage);
    return misfit && `old data: ${misfit}`;
  }
}

async function timelineNow(stage: Stage): Promise<string> {
  return (await stage.psql('select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)')).stdout.trim();
}

function misfitOfContent(
  { rows, role }: Content,
  inRecovery: boolean,
  held: ReadonlySet<string>,
  damage: string | undefined,
): string | undefined {
  if (damage) return damage;
  if (inRecovery !== (role !== 'primary')) return `it is ${inRecovery ? '' : 'not '}in recovery`;
  return sameRows(rows, held) ? undefined : `it holds ${wordsOf(held)}`;
}

async function stateOf(stage: Stage): Promise<string> {
  const files = await stage
    .onVolume(
      'cd /v; ls -lA . | grep -v wide-; ls -lA .odo 2>/dev/null; cat .odo/journal.json 2>/dev/null | cut -c ' +
        '1-1500; echo; for d in .odo/previous .odo/incoming .odo/spool; do [ -d $d ] && echo $d: $(ls -A $d | ' +
        'grep -v wide-); done; true',
    )
    .catch((error: Error) => error.message);
  const { execFileSync } = await import('node:child_process');
  let log = '';
  try {
    log = execFileSync('sh', ['-c', `docker logs --tail 25 ${stage.db} 2>&1`], { encoding: 'utf8' });
  } catch (error) {
    log = String(error);
  }
  return `--- volume\n${files}\n--- log of the service\n${log}`;
}
