import type { Outcome, Result } from './scenario.ts';
import { median } from './statistics.ts';

/** One thing that was to be reached. */
export interface Target {
  scenario: string;
  what: string;
  bound: number;
  /** at least, or at most the bound */
  sense: 'at least' | 'at most';
  unit: '×' | ' MiB';
  /** What was measured; undefined when the contestants did not run. */
  measure(outcomes: readonly Outcome[]): number | undefined;
}

export interface Judged {
  target: Target;
  measured: number;
  met: boolean;
}

/** Judges all targets whose scenarios have run. */
export function judge(outcomes: readonly Outcome[], targets: readonly Target[] = TARGETS): Judged[] {
  return targets.flatMap((target) => {
    const measured = target.measure(outcomes);
    if (measured === undefined) return [];
    return [
      { target, measured, met: target.sense === 'at least' ? measured >= target.bound : measured <= target.bound },
    ];
  });
}

export const isOdo = ({ name }: { name: string }): boolean => name.startsWith('ODO');

function find(outcomes: readonly Outcome[], letter: string, name: string): Result | undefined {
  return outcomes.find((outcome) => outcome.letter === letter)?.results.find((result) => result.name.startsWith(name));
}

export const medianSeconds = ({ runs }: Result): number => median(runs.map(({ seconds }) => seconds));

/** The median; undefined when it was not measured in every run. */
export function medianOf(result: Result, figure: 'cpuSeconds' | 'peakMemoryBytes'): number | undefined {
  const values = result.runs.map((run) => run[figure]).filter((value) => value !== undefined);
  return values.length === 0 || values.length < result.runs.length ? undefined : median(values);
}

/** How many times as long as ODO somebody took. */
function faster(letter: string, rival: string, bound: number, odoName = 'ODO', what = `as fast as ${rival}`): Target {
  return {
    scenario: letter,
    what,
    bound,
    sense: 'at least',
    unit: '×',
    measure(outcomes) {
      const [odo, other] = [find(outcomes, letter, odoName), find(outcomes, letter, rival)];
      return odo && other && medianSeconds(other) / medianSeconds(odo);
    },
  };
}

/** How many times as long as a floor ODO took. */
function near(letter: string, what: string, bound: number): Target {
  return {
    scenario: letter,
    what,
    bound,
    sense: 'at most',
    unit: '×',
    measure(outcomes) {
      const odo = find(outcomes, letter, 'ODO');
      const floors = outcomes
        .filter((outcome) => outcome.letter === letter)
        .flatMap(({ results }) => results.filter(({ name }) => name.startsWith('floor')));
      return odo && floors.length > 0 ? medianSeconds(odo) / Math.max(...floors.map(medianSeconds)) : undefined;
    },
  };
}

function peaks(outcomes: readonly Outcome[], letters: string): number[] {
  return outcomes
    .filter(({ letter }) => letters.includes(letter))
    .flatMap(({ results }) => results.filter(isOdo))
    .flatMap(({ runs }) => runs.map(({ peakMemoryBytes }) => (peakMemoryBytes ?? Number.NaN) / 2 ** 20));
}

export const TARGETS: readonly Target[] = [
  faster('A', 'aws | tar', 2.5),
  faster('A', 'download, then tar', 2.5),
  near('A', 'as long as the larger floor', 1.2),
  {
    scenario: 'A',
    what: 'the CPU seconds of aws | tar',
    bound: 0.6,
    sense: 'at most',
    unit: '×',
    measure(outcomes) {
      const [odo, pipe] = ['ODO', 'aws | tar'].map((name) => {
        const result = find(outcomes, 'A', name);
        return result && medianOf(result, 'cpuSeconds');
      });
      return odo !== undefined && pipe !== undefined ? odo / pipe : undefined;
    },
  },
  faster('B', 'barman-cloud-restore', 1.8),
  faster('C', 'pgbackrest restore', 1.3, 'ODO over TLS', 'as fast as pgbackrest restore, both over TLS'),
  faster('C', 'pgbackrest restore', 1.3, 'ODO over HTTP', 'as fast as pgbackrest restore, ODO over HTTP'),
  faster('D', 'aws | tar', 1.5),
  faster('E', 'barman-cloud-restore', 2.2),
  faster('F', 'barman-cloud-wal-restore', 3.5),
  near('F', 'as long as the local floor', 1.15),
  faster('G', "the original's steps", 2.5),
  faster('H', 'aws | tar', 4),
  faster('H', 'download, then tar', 4),
  {
    scenario: 'all',
    what: "ODO's peak memory",
    bound: 256,
    sense: 'at most',
    unit: ' MiB',
    measure(outcomes) {
      const all = peaks(outcomes, 'ABCDEFGHM');
      return all.length === 0 ? undefined : Math.max(...all);
    },
  },
  {
    scenario: 'M',
    what: 'the peak memory with the small cluster, with the large one',
    bound: 1.1,
    sense: 'at most',
    unit: '×',
    measure(outcomes) {
      const [small, large] = peaks(outcomes, 'M');
      return small !== undefined && large !== undefined ? large / small : undefined;
    },
  },
];
