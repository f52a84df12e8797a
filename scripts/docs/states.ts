import { type Row, TRANSITIONS } from '../../src/restore/volume/transitions.ts';
import { madeFrom, table } from './markdown.ts';

const HEAD = `# What a volume can hold, and what each command does then

\`odo status\` tells which of these situations a volume is in. The commands decide by this very table, and
[a test](../../test/unit/restore/volume/transitions.test.ts) tries every cell of it.

- **restore**: \`begin\` lays down beside what is in place; \`resume\` goes on from staged files of the same job and
  removes others; \`settle\` brings an interrupted exchange to its end and acts by what that is; \`take-back\` puts the
  old data back first, and what was restored goes; \`finish-clearing\` deletes the rest of the old data first; \`adopt\`
  takes what is in place for the old data.
- **rollback**: \`undo\` puts the old data back, and what was restored goes; \`exchange\` puts it back and keeps what
  was in place, after a question; \`carry-through\` ends the rollback that was interrupted.
- **clean**: \`remove-staged\`, \`remove-old\` and \`remove-restored\` say what goes.
- **none**: there is nothing to do, and the command says so. **refuse**: exit code 24, and the way out.
`;

/** The page on the situations of a volume. */
export function statesPage(): string {
  const titles = 'situation, what is there, restore, restore --wipe deletes, promote, rollback, clean, status';
  const cells = ([name, row]: [string, Row]) => [
    ...[name, row.about, row.restore, row.wipes],
    ...[row.promote, row.rollback, row.clean, row.advice],
  ];
  const rows = Object.entries(TRANSITIONS).map(cells);
  return [madeFrom('src/restore/volume/transitions.ts'), HEAD, table(titles.split(', '), rows), ''].join('\n');
}
