import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { odo } from './parts/odo.ts';
import { mustRun } from './parts/run.ts';

const TYPE_INTO_ZSH = new URL('./parts/type-into.zsh', import.meta.url).pathname;

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-shells-'));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function write(args: readonly string[], name: string): Promise<string> {
  const { code, stdout, stderr } = await odo(args);
  expect(code, stderr).toBe(0);
  const file = path.join(folder, name);
  fs.writeFileSync(file, stdout);
  return file;
}

it('zsh completes commands, options and values', async () => {
  const completion = await write(['completion', 'zsh'], '_odo');
  const lines = ['odo prom', 'odo --target-ac', 'odo rollback --vol', 'odo temporary st', 'odo --archive-mode k'];
  const became = await mustRun('zsh', ['-f', TYPE_INTO_ZSH, path.dirname(completion), ...lines], {
    env: { ...process.env, HOME: folder },
  });
  expect(became.split('\n').map((line) => line.trimEnd())).toEqual([
    'odo promote',
    'odo --target-action',
    'odo rollback --volume',
    'odo temporary stop',
    'odo --archive-mode keep',
  ]);
});

it('fish completes commands, options and values, and tells what they are', async () => {
  const completion = await write(['completion', 'fish'], 'odo.fish');
  const offered = (line: string) =>
    mustRun('fish', ['--no-config', '-c', `source ${completion}; complete -C ${JSON.stringify(line)}`], {
      cwd: folder,
      env: { ...process.env, HOME: folder },
    });
  expect(await offered('odo prom')).toMatch(/^promote\t\S/);
  expect(await offered('odo --target-ac')).toMatch(/^--target-action\t\S/);
  expect(await offered('odo rollback --vol')).toMatch(/^--volume\t\S/);
  expect(await offered('odo rollback --target-ac')).toBe('');
  expect((await offered('odo --archive-mode ')).split('\n').map((line) => line.split('\t')[0])).toEqual([
    'keep',
    'off',
  ]);
});

it('man shows the page, and finds no fault with it', async () => {
  const page = await write(['man'], 'odo.1');
  const settings = { env: { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' } };
  expect(await mustRun('sh', ['-c', 'man --warnings -l "$0" 2>&1 >/dev/null', page], settings)).toBe('');
  const shown = await mustRun('man', ['-P', 'cat', '-l', page], settings);
  expect(shown).toMatch(/^ODO\(1\)/);
  expect(shown).toMatch(/^ {7}odo rollback \[options\]$/m);
  expect(shown).toMatch(/^ {7}-u, --s3-url/m);
});
