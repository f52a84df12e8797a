import os from 'node:os';
import { wrapped } from '../../scripts/docs/markdown.ts';
import type { Fault } from './fault.ts';
import { OUTCOMES } from './judge.ts';
import type { Verdict } from './run-one.ts';

/** What the runs were made with. */
export interface Setting {
  seed: number;
  product: string;
  engine: string;
  postgres: string;
  minutes: number;
}

const OUTCOME_WORDS = [
  'restored: the restored server is up, promoted, with every archived row; nothing of ODO is left on the volume.',
  'old kept: ODO failed with a fitting exit code, and the service runs on its old data without anyone doing anything.',
  'rolled back: the one command that ODO printed (or `odo rollback` after a kill -9) brought the old data back.',
  'resumed: the same command, run again after the fault, restored.',
] as const;

/** Fault by outcome, as Markdown. */
export function reportText(verdicts: readonly Verdict[], faults: readonly Fault[], setting: Setting): string {
  const columns = [...OUTCOMES, 'DEFECT'] as const;
  const rows = faults
    .map((fault) => ({ fault, own: verdicts.filter(({ planned }) => planned.fault === fault) }))
    .filter(({ own }) => own.length > 0);
  const cells = (own: readonly Verdict[]) => [
    String(own.length),
    String(own.filter(({ struck }) => !struck).length || ''),
    ...columns.map((column) => String(own.filter(({ outcome }) => outcome === column).length || '')),
    [...new Set(own.map(({ code }) => (code === null ? 'killed' : String(code))))].sort().join(', '),
  ];
  const line = (words: readonly string[]) => `| ${words.join(' | ')} |`;
  const average = verdicts.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / Math.max(verdicts.length, 1) / 1000;
  return [
    `${verdicts.length} runs in ${setting.minutes.toFixed(1)} minutes (${average.toFixed(1)} s each), seed ` +
      `${setting.seed}, on ${new Date().toISOString().slice(0, 10)}:`,
    `ODO ${setting.product}, Docker ${setting.engine}, ${setting.postgres}, Node ${process.version}, ` +
      `${os.cpus().length} cores, ${os.type()} ${os.release()}.`,
    '',
    line(['fault', 'runs', 'came too late', ...columns, 'exit codes']),
    line(['---', '--:', '--:', ...columns.map(() => '--:'), '---']),
    ...rows.map(({ fault, own }) => line([`**${fault.name}**: ${fault.about}`, ...cells(own)])),
    line(['all', ...cells(verdicts)]),
    '',
    ...OUTCOME_WORDS.map((words) => wrapped(`- ${words}`, '  ')),
    '',
  ].join('\n');
}

/** One line for each run. */
export function verdictLine({ planned, outcome, struck, code, elapsedMs, notes }: Verdict): string {
  const { number, fault, moment, repository } = planned;
  const when =
    fault.moments.length === 0
      ? ''
      : ` at ${moment.at}+${Math.round(moment.share * 100)} %${struck ? '' : ' (too late)'}`;
  const how = notes.length > 0 ? ` [${notes.join('; ')}]` : '';
  return (
    `${String(number).padStart(4)} ${(elapsedMs / 1000).toFixed(1).padStart(5)} s  ${outcome.padEnd(11)} ` +
    `${code === null ? 'killed' : code} · ${fault.name}${when}, ${repository}${how}`
  );
}
