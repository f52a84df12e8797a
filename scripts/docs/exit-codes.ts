import { type ErrorCode, EXIT } from '../../src/errors.ts';
import { madeFrom, table } from './markdown.ts';
import { EXIT_CODE_ADVICE } from './notes.ts';

/** The page on exit codes. */
export function exitCodesPage(): string {
  const rows = (Object.keys(EXIT) as (ErrorCode | 'done')[]).map((name) => {
    const { exitCode, meaning } = EXIT[name];
    return [String(exitCode), `\`${name}\``, meaning, EXIT_CODE_ADVICE[name]];
  });
  return [
    madeFrom('src/errors.ts', 'scripts/docs/notes.ts'),
    `# Exit codes

A number never changes its meaning. The name is the \`code\` of the error that \`--json\` prints. Every error has a
message that names the object, and most have a hint with the next action: that hint knows more than this page.
Whether the old data is still in place, \`odo status\` tells; see [when something failed](../guides/when-it-failed.md).
`,
    table(['code', 'name', 'meaning', 'what to do'], rows),
    '',
  ].join('\n');
}
