import { expect, test } from 'vitest';
import { type Row, TRANSITIONS } from '../../../../src/restore/volume/transitions.ts';

const HEAD = `# What a volume can hold, and what each command does then

Made from the table in \`src/restore/volume/transitions.ts\` by
\`test/unit/restore/volume/transitions-page.test.ts\`, which fails when they differ
(\`npx vitest run --project unit transitions-page -u\` writes it anew). The code decides by the same table, and
\`test/unit/restore/volume/transitions.test.ts\` tries every cell of it.

- **restore**: \`begin\` lays down beside what is in place. \`resume\` goes on from staged files of the same job and
  removes others. \`settle\` brings an interrupted exchange to its end and acts by what that is. \`take-back\` puts the
  old data back first, and what was restored goes. \`finish-clearing\` deletes the rest of the old data first.
  \`adopt\` takes what is in place for the old data.
- **rollback**: \`undo\` puts the old data back, and what was restored goes. \`exchange\` puts it back and keeps what
  was in place, after a question.
- **clean**: \`remove-staged\`, \`remove-old\` and \`remove-restored\` say what goes.`;

/** A deed as the page has it. */
function cells([name, row]: [string, Row]): string {
  const columns = [name, row.about, row.restore, row.wipes, row.promote, row.rollback, row.clean, row.advice];
  return `| ${columns.join(' | ')} |`;
}

test('the page on the states is the table', async () => {
  const titles =
    '| situation | what is there | restore | restore --wipe deletes | promote | rollback | clean | status |';
  const rows = Object.entries(TRANSITIONS).map(cells);
  const page = [HEAD, '', titles, `|${' --- |'.repeat(8)}`, ...rows, ''].join('\n');
  await expect(page).toMatchFileSnapshot('../../../../docs/states.md');
});
