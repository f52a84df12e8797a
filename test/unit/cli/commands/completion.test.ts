import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/cli/commands/command-table.ts';
import { completionScript } from '../../../../src/cli/commands/completion.ts';

import { manPage } from '../../../../src/cli/commands/man-page.ts';
import { SHELLS } from '../../../../src/cli/commands/shells.ts';
import { ALL_OPTIONS, optionsOf, variablesOf } from '../../../../src/cli/options/topics.ts';
import { EXIT } from '../../../../src/errors.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

/** What bash offers when the last of these words is being typed. */
function offered(...words: string[]): string[] {
  const script = path.join(scratchDirectory(), 'completion.sh');
  fs.writeFileSync(script, completionScript('bash', COMMANDS));
  const body = `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _odo; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', body, script, 'odo', ...words], { encoding: 'utf8' });
  return out.split('\n').filter((word) => word !== '');
}

describe('the completion of bash', () => {
  it('offers commands first, and options of the command that is typed', () => {
    expect(offered('')).toEqual(expect.arrayContaining(['restore', 'list', 'show', '--s3-url', '-u']));
    expect(offered('')).not.toContain('agent');
    expect(offered('re')).toEqual(['restore']);
    expect(offered('--verb')).toEqual(['--verbose']);
    expect(offered('rollback', '--s')).toEqual(['--service', '--stop-timeout']);
    expect(offered('rollback', '--dry')).toEqual([]);
    expect(offered('temporary', 'st')).toEqual(['stop']);
  });

  it('offers the choices of an option, and leaves other values to the shell', () => {
    expect(offered('--verify', '')).toEqual(['stream', 'full']);
    expect(offered('completion', 'z')).toEqual(['zsh']);
    expect(offered('-f', '')).toEqual([]);
  });
});

it.each(SHELLS)('the completion of %s has every command and every option', (shell) => {
  const script = completionScript(shell, COMMANDS);
  for (const { name, describe, topics } of COMMANDS) {
    if (describe === false) continue;
    expect(script).toMatch(new RegExp(`\\b${name}\\b`));
    for (const option of Object.keys(optionsOf(topics)))
      expect(script).toContain(shell === 'fish' ? `-l ${option}` : `--${option}`);
  }
});

describe('the man page', () => {
  const page = manPage(COMMANDS);
  const text = page.replaceAll('\\-', '-').replace(/\\f[BIR]/g, '');

  it('has every command, option, variable and exit code', () => {
    for (const { name, describe } of COMMANDS) if (describe !== false) expect(text).toContain(`.B ${name}\n`);
    for (const [name, option] of Object.entries(ALL_OPTIONS)) {
      expect(text).toContain(`--${name}`);
      for (const variable of variablesOf(option)) expect(text).toContain(`.B ${variable}\n`);
    }
    for (const { exitCode, meaning } of Object.values(EXIT)) expect(text).toContain(`.B ${exitCode}\n${meaning}`);
    expect(page).not.toContain('agent');
  });

  it('has no line that roff would take for a request, and sections in their order', () => {
    for (const line of page.split('\n')) if (/^[.']/.test(line)) expect(line).toMatch(/^\.(TH|SH|TP|B|I|br)\b/);
    const sections = [...page.matchAll(/^\.SH (.*)$/gm)].map(([, title]) => title);
    expect(sections.slice(0, 4)).toEqual(['NAME', 'SYNOPSIS', 'DESCRIPTION', 'COMMANDS']);
    expect(sections.slice(-3)).toEqual(['FILES', '"EXIT STATUS"', 'EXAMPLES']);
  });
});
