import fs from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { COMMAND_NOTES, OPTION_NOTES } from '../../../scripts/docs/notes.ts';
import { PAGES } from '../../../scripts/docs/pages.ts';
import { COMMANDS } from '../../../src/cli/commands/command-table.ts';
import { ALL_OPTIONS } from '../../../src/cli/options/topics.ts';

describe('a page that is made of the code’s own tables', () => {
  it.each(Object.entries(PAGES))('is up to date: %s (npm run docs makes it anew)', (file, make) => {
    const written = fs.readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    expect(written).toBe(make());
  });
});

test('the notes of the reference are on options and commands that there are', () => {
  const commands = COMMANDS.map(({ name }) => name);
  expect(Object.keys(OPTION_NOTES).filter((name) => ALL_OPTIONS[name] === undefined)).toEqual([]);
  expect(Object.keys(COMMAND_NOTES).filter((name) => !commands.includes(name))).toEqual([]);
});
