import { expect, it } from 'vitest';
import { allHarmless, harmless, harmlessJson } from '../../../../src/cli/render/harmless.ts';
import { createTextRenderer } from '../../../../src/cli/render/render-text.ts';
import { OdoError } from '../../../../src/errors.ts';

const EVIL = 'disk full\x1b]0;owned\x07\u009b2J\r\u202e';
const SPELT = 'disk full\\x1b]0;owned\\x07\\u009b2J\\x0d\\u202e';

it('spells control characters out, and leaves lines, tabs and every language as they are', () => {
  expect(harmless(EVIL)).toBe(SPELT);
  expect(harmless('größe\t3\nдругая 行')).toBe('größe\t3\nдругая 行');
  expect(allHarmless({ a: [EVIL, 1, null, { [EVIL]: true }] })).toEqual({ a: [SPELT, 1, null, { [SPELT]: true }] });
});

it('lets nothing of a repository reach the terminal as it is', () => {
  let told = '';
  const write = (text: string) => {
    told += text;
  };
  const text = createTextRenderer({
    stdout: write,
    stderr: write,
    live: false,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => () => undefined,
    colors: 0,
  });
  text.event({ type: 'note', level: 'warning', message: EVIL });
  text.event({ type: 'proof', name: 'backup', state: 'failed', evidence: EVIL });
  text.result({
    kind: 'list',
    url: 's3://b',
    listedAt: '',
    repositories: [{ server: EVIL, format: 'barman', url: EVIL, backups: [] }],
  });
  text.error(new OdoError('backupIncomplete', EVIL, { hint: EVIL }));
  expect(told).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  expect(told.split(SPELT).length).toBeGreaterThanOrEqual(6);
});

it('writes JSON that says the same and that a terminal does not obey', () => {
  expect(JSON.parse(harmlessJson(JSON.stringify(EVIL)))).toBe(EVIL);
  expect(harmlessJson(JSON.stringify(EVIL))).not.toMatch(/\p{Cc}|\u202e/u);
});
