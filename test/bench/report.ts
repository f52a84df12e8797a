import { wrapped } from '../../scripts/docs/markdown.ts';
import type { Outcome, Result } from './scenario.ts';
import { isOdo, type Judged, judge, medianOf, medianSeconds } from './targets.ts';

/** What the run was made with, each a line of its own. */
export interface Setting {
  date: string;
  machine: readonly string[];
  versions: readonly string[];
  rounds: number;
  minutes: number;
  /** The command that makes it again. */
  command: string;
}

/** The whole page, as Markdown. `notes` is written by people and goes in as it is. */
export function reportText(outcomes: readonly Outcome[], setting: Setting, notes: string): string {
  const judged = judge(outcomes);
  return [
    '# Benchmarks',
    '',
    wrapped(
      `Written by \`${setting.command}\` on ${setting.date}, in ${setting.minutes.toFixed(0)} minutes. What people ` +
        'have to say about it stands in `test/bench/notes.md` and is copied from there; everything else is measured.',
    ),
    '',
    ...[...setting.machine, ...setting.versions].map((line) => wrapped(`- ${line}`, '  ')),
    '',
    wrapped(
      `Everyone ran ${setting.rounds === 1 ? 'once' : `${setting.rounds} times`}, in turns, each round beginning ` +
        'with another one; medians are compared. Times include the flush to disk at the end. What ' +
        'was restored is counted ' +
        'after every run: all files and bytes of the database, or the rows of a server that has come up. The S3 ' +
        'server runs on the same cores and keeps its objects in memory; its CPU time is not ' +
        'counted to anyone. CPU seconds ' +
        "are user and system time of a contestant's processes, in F and G of the whole machine without the S3 " +
        'server; the peak is the resident memory of the largest process.',
    ),
    '',
    '## Targets',
    '',
    ...targetTable(judged),
    '',
    '## Results',
    ...outcomes.flatMap(outcomeSection),
    '',
    notes.trim(),
    '',
  ].join('\n');
}

/** A bar within a cell would begin another one. */
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

export function targetTable(judged: readonly Judged[]): string[] {
  const figure = (value: number, { unit }: Judged['target']) =>
    `${unit === '×' ? value.toFixed(2) : value.toFixed(0)}${unit}`;
  return [
    row(['', 'target', 'measured', '']),
    row(['---', '---', '--:', '---']),
    ...judged.map(({ target, measured, met }) =>
      row([
        target.scenario,
        `${target.sense} ${target.bound}${target.unit} ${target.what}`,
        figure(measured, target),
        met ? 'met' : '**missed**',
      ]),
    ),
  ];
}

/** One scenario: what it is, a table with a line for each contestant, and how each was run. */
export function outcomeSection(outcome: Outcome): string[] {
  const { letter, title, about, restoredBytes, results } = outcome;
  const odo = results.find(isOdo);
  const size = restoredBytes === undefined ? '' : ` ${(restoredBytes / 1e9).toFixed(2)} GB of database are restored.`;
  return [
    '',
    `### ${letter}. ${title}`,
    '',
    wrapped(`${about}${size}`),
    '',
    row(['', 'seconds', 'median', 'MB/s', 'CPU s', 'peak MiB', 'to ODO']),
    row(['---', '---', '--:', '--:', '--:', '--:', '--:']),
    ...results.map((result) => row(cells(result, restoredBytes, odo))),
    '',
    ...results.map(({ name, settings }) => wrapped(`- ${name}: ${settings}`, '  ')),
  ];
}

function cells(result: Result, restoredBytes: number | undefined, odo: Result | undefined): string[] {
  const seconds = medianSeconds(result);
  const cpu = medianOf(result, 'cpuSeconds');
  const peaks = result.runs.map(({ peakMemoryBytes }) => peakMemoryBytes).filter((peak) => peak !== undefined);
  return [
    result.name,
    result.runs.map((run) => run.seconds.toFixed(1)).join(' '),
    seconds.toFixed(1),
    restoredBytes === undefined ? '' : (restoredBytes / seconds / 1e6).toFixed(0),
    cpu === undefined ? '' : cpu.toFixed(1),
    peaks.length === 0 ? '' : (Math.max(...peaks) / 2 ** 20).toFixed(0),
    odo === undefined ? '' : `${(seconds / medianSeconds(odo)).toFixed(2)}×`,
  ];
}
