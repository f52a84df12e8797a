import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/cli/commands/command-table.ts';
import { parseCommandLine } from '../../../../src/cli/commands/parse.ts';
import { VERSION } from '../../../../src/cli/settings/version.ts';
import { EXIT, type OdoError } from '../../../../src/errors.ts';

async function commandOf(...argv: string[]): Promise<string> {
  const parsed = await parseCommandLine(argv);
  if ('print' in parsed) throw new Error(`it prints: ${parsed.print}`);
  return parsed.command;
}

async function printedBy(...argv: string[]): Promise<string> {
  const parsed = await parseCommandLine(argv);
  if ('run' in parsed) throw new Error('it runs');
  return parsed.print;
}

describe('the command', () => {
  it('is a restore when none is named', async () => {
    expect(await commandOf('-u', 's3://x')).toBe('restore');
    expect(await commandOf()).toBe('restore');
    expect(await commandOf('restore', '-u', 's3://x')).toBe('restore');
  });

  it('may be a rollback, or what the restore container runs', async () => {
    expect(await commandOf('rollback', '-v', 'db', '-n', 'db', '-f', 'c.yaml')).toBe('rollback');
    expect(await commandOf('agent')).toBe('agent');
  });
});

it('has but characters in its help that take one column', async () => {
  for (const { name } of COMMANDS) expect(await printedBy(name, '--help')).toMatch(/^[\n\x20-\x7e…–]*$/);
});

it.each([[['--help']], [['-h']], [['help']], [['list', '-yh']], [['list', 'help']], [['list', '--help=true']]])(
  'the help has the options when %j asks for it',
  async (argv) => {
    expect(await printedBy(...argv)).toMatch(/--s3-url .*where the backups are/);
  },
);

describe('a wrong command line', () => {
  it.each([
    ['an unknown option', ['--frobnicate']],
    ['an unknown command', ['frobnicate']],
    ['an option of another command', ['rollback', '--dry-run']],
    ['an option without its value', ['-u']],
    ['a value that is really the next option', ['-u', '-v', 'db']],
  ])('is a usage error in lower case with a way to the help, for %s', async (_what, argv) => {
    const error = await parseCommandLine(argv).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      name: 'OdoError',
      code: 'usage',
      exitCode: 2,
      hint: expect.stringContaining('odo --help'),
    });
    expect((error as Error).message).toMatch(/^[a-z]/);
    expect((error as Error).message).not.toContain('\n');
  });
});

describe('a word that is nearly right', () => {
  const hintOf = async (...argv: string[]) =>
    parseCommandLine(argv).then(
      () => 'it runs',
      (error: OdoError) => error.hint,
    );

  it('is answered with the option or command that may have been meant', async () => {
    expect(await hintOf('--volum', 'x')).toContain('did you mean --volume?');
    expect(await hintOf('--s3url', 'x')).toContain('did you mean --s3-url?');
    expect(await hintOf('--dryrun')).toContain('did you mean --dry-run?');
    expect(await hintOf('lst')).toContain('did you mean odo list?');
    expect(await hintOf('--frobnicate-entirely')).toBe('odo --help lists commands and options');
  });

  it('is told when another command has it', async () => {
    expect(await hintOf('rollback', '--dry-run')).toContain('--dry-run belongs to another command');
    await expect(parseCommandLine(['rollback', '--dry-run'])).rejects.toThrow(/^unknown argument: dry-run$/);
  });
});

describe('what is printed', () => {
  it('is the version alone for --version', async () => {
    expect(await printedBy('--version')).toBe(VERSION);
  });

  it('is, for --help, every option, an example, and all exit codes', async () => {
    const help = await printedBy('--help');
    for (const { exitCode, meaning } of Object.values(EXIT)) {
      expect(help.replace(/\s+/g, ' ')).toContain(`${exitCode} ${meaning}`);
    }
    for (const option of ['-u, --s3-url', '-c, --replace-conf', '--into', '--dry-run', '-h, --help'])
      expect(help).toContain(option);
    expect(help).toContain('odo -u s3://backups/shop');
    const topics = ['Where the backups are:', 'Which service:', 'What is restored, and how:', 'Output and settings:'];
    expect(topics.map((title) => help.indexOf(title)).every((at, index, all) => at > (all[index - 1] ?? 0))).toBe(true);
    expect(help).toMatch(/--stall-timeout [^-]*\[default: 600\]/);
  });

  it('keeps the command of the restore container to itself', async () => {
    expect(await printedBy('-h')).not.toContain('agent');
  });

  it('is the options of one command for its own --help', async () => {
    const help = await printedBy('rollback', '--help');
    expect(help).toContain('--stop-timeout');
    expect(help).not.toContain('--s3-url');
  });
});
