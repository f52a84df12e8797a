import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OdoEvent } from '../../../../src/events.ts';
import { createProofs } from '../../../../src/restore/contract/proofs.ts';
import { proveScripts, runScripts } from '../../../../src/restore/database/post-sql.ts';
import type { ProgramOutcome } from '../../../../src/restore/database/service-database.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const never = new AbortController().signal;

function folderWith(files: Record<string, string>): string {
  const folder = scratchDirectory();
  for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
  return folder;
}

async function prove(folder: string) {
  const proofs = createProofs(() => undefined, never);
  const scripts = await proveScripts(folder, proofs);
  proofs.demandAll();
  return scripts;
}

describe('the scripts of --post-sql', () => {
  it('are the files that end in .sql, by name', async () => {
    const folder = folderWith({ '20-b.sql': 'b', '10-a.sql': 'a', 'README.md': '', '100.sql': 'c' });
    expect((await prove(folder)).map(({ file, content }) => [path.basename(file), content])).toEqual([
      ['10-a.sql', 'a'],
      ['100.sql', 'c'],
      ['20-b.sql', 'b'],
    ]);
  });

  it('a folder that is not there, or without scripts, is wrong usage', async () => {
    await expect(prove('/nowhere/at/all')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/nowhere.*ENOENT/),
    });
    await expect(prove(folderWith({ 'a.txt': '' }))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/no file that ends in \.sql/),
    });
  });
});

describe('running them', () => {
  const scripts = ['one', 'two', 'three'].map((name) => ({ file: `/s/${name}.sql`, content: name }));

  async function run(outcomes: Record<string, ProgramOutcome | Error>) {
    const ran: string[] = [];
    const events: OdoEvent[] = [];
    const runScript = async (content: string) => {
      ran.push(content);
      const outcome = outcomes[content] ?? { exitCode: 0, stdout: '', stderr: '' };
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    const error = await runScripts(
      scripts,
      { runScript },
      'c0ffee00c0ffee00',
      (event) => void events.push(event),
      never,
    ).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { ran, error, notes: events.flatMap((event) => (event.type === 'note' ? [event.message] : [])) };
  }

  it('goes through all of them in order', async () => {
    expect(await run({})).toEqual({
      ran: ['one', 'two', 'three'],
      error: undefined,
      notes: ['/s/one.sql has run', '/s/two.sql has run', '/s/three.sql has run'],
    });
  });

  it('stops at the first error, with file, line and the way on', async () => {
    const stderr = 'psql:<stdin>:3: NOTICE:  so far\npsql:<stdin>:7: ERROR:  relation "x" does not exist\nLINE 1: …\n';
    const { ran, error, notes } = await run({ two: { exitCode: 3, stdout: '', stderr } });
    expect(ran).toEqual(['one', 'two']);
    expect(notes).toEqual(['/s/one.sql has run']);
    expect(error).toMatchObject({
      code: 'scriptFailed',
      message: '/s/two.sql, line 7: ERROR:  relation "x" does not exist',
      hint: expect.stringMatching(/psql .* < \/s\/two\.sql\ndocker exec .* c0ffee00c0ff psql .* < \/s\/three\.sql$/),
    });
  });

  it('says what it knows of an end without a line', async () => {
    const lost = await run({
      one: { exitCode: 2, stdout: '', stderr: 'psql: error: connection to server was lost\n' },
    });
    expect(lost.error).toMatchObject({ message: '/s/one.sql: psql: error: connection to server was lost' });
    const mute = await run({ one: { exitCode: 137, stdout: '', stderr: '' } });
    expect(mute.error).toMatchObject({ code: 'scriptFailed', message: '/s/one.sql: psql ended with status 137' });
  });
});
