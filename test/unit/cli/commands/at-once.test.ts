import { expect, it } from 'vitest';
import { parseAtOnce } from '../../../../src/cli/commands/at-once.ts';
import { COMMANDS } from '../../../../src/cli/commands/command-table.ts';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';

it.each(['--version', 'agent'])('%s is understood as the parser does it', async (word) => {
  const atOnce = parseAtOnce([word]);
  expect(atOnce).toBeDefined();
  expect(atOnce).toEqual(
    word === 'agent' ? { ...(await parseCommandLine([word])), args: {} } : await parseCommandLine([word]),
  );
});

it.each([[[]], [['--version', '--json']], [['agent', '-h']], ...COMMANDS.slice(0, -1).map(({ name }) => [[name]])])(
  '%j is left to the parser',
  (argv) => {
    expect(parseAtOnce(argv)).toBeUndefined();
  },
);
