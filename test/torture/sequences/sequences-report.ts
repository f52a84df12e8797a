import os from 'node:os';
import type { Setting } from '../report.ts';
import { OPERATIONS } from './plan.ts';
import type { SequenceVerdict } from './play.ts';

/** Operation by how often it was played, and how ODO's commands have ended, as Markdown. */
export function sequencesReport(verdicts: readonly SequenceVerdict[], setting: Setting): string {
  const line = (words: readonly string[]) => `| ${words.join(' | ')} |`;
  const played = verdicts.flatMap((verdict) => verdict.played);
  const codes = verdicts.flatMap((verdict) => verdict.codes);
  const commands = [...new Set(codes.map(({ command }) => command))].sort();
  const countOf = (command: string) => {
    const own = codes
      .filter((one) => one.command === command)
      .map(({ code }) => (code === null ? 'killed' : String(code)));
    return [...new Set(own)].sort().map((code) => `${code}: ${own.filter((other) => other === code).length}`);
  };
  const defects = verdicts.filter(({ defect }) => defect).length;
  return [
    `${verdicts.length} sequences of ${played.length} operations in ${setting.minutes.toFixed(1)} minutes, ` +
      `seed ${setting.seed}, on ${new Date().toISOString().slice(0, 10)}:`,
    `ODO ${setting.product}, Docker ${setting.engine}, ${setting.postgres}, Node ${process.version}, ` +
      `${os.cpus().length} cores, ${os.type()} ${os.release()}.`,
    `**${defects} ${defects === 1 ? 'defect' : 'defects'}.**`,
    '',
    line(['operation', 'played']),
    line(['---', '--:']),
    ...OPERATIONS.map(({ name, about }) =>
      line([`**${name}**: ${about}`, String(played.filter((one) => one === name).length)]),
    ),
    '',
    line(['command', 'exit code: how often']),
    line(['---', '---']),
    ...commands.map((command) => line([command, countOf(command).join(', ')])),
    '',
  ].join('\n');
}

/** One line for each sequence. */
export function sequenceLine({ planned, played, elapsedMs, defect }: SequenceVerdict): string {
  const how = defect ? 'DEFECT' : 'held';
  const steps = played.join(' → ');
  return (
    `${String(planned.number).padStart(4)} ${(elapsedMs / 1000).toFixed(1).padStart(5)} s  ${how.padEnd(7)} ` +
    `${planned.old}, ${planned.layout}: ${steps}`
  );
}
