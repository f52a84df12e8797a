import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { makeTar } from '../../../../src/docker/client/make-tar.ts';

const OWNER = { uid: 999, gid: 998 };
const LONG = `${'a'.repeat(90)}/${'b'.repeat(90)}`;

it('makes a tar that others can read', () => {
  const tar = makeTar(
    [
      { path: 'data', type: 'directory', mode: 0o700 },
      { path: 'data/one', type: 'file', mode: 0o600, content: Buffer.from('x'.repeat(513)) },
      { path: LONG, type: 'file', mode: 0o640 },
      { path: 'link', type: 'symlink', mode: 0o777, linkName: '/etc/hosts' },
    ],
    OWNER,
  );
  const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: tar }).toString();
  expect(
    listed
      .trim()
      .split('\n')
      .map((line) =>
        line
          .split(/\s+/)
          .filter((_word, at) => at !== 3 && at !== 4)
          .join(' '),
      ),
  ).toEqual([
    'drwx------ 999/998 0 data',
    '-rw------- 999/998 513 data/one',
    `-rw-r----- 999/998 0 ${LONG}`,
    'lrwxrwxrwx 999/998 0 link -> /etc/hosts',
  ]);
  expect(execFileSync('tar', ['-xOf', '-', 'data/one'], { input: tar }).length).toBe(513);
});

it('has room for names, link targets and ids of any length', () => {
  const names = [
    'c'.repeat(101),
    `${'d'.repeat(160)}/e`,
    ...Array.from({ length: 12 }, (_, more) => 'ü'.repeat(41 + more)),
  ];
  const deep = `${names.join('/')}.conf`;
  const file = { path: deep, type: 'file' as const, mode: 0o600, content: Buffer.from('x') };
  const link = { path: 'l', type: 'symlink' as const, mode: 0o777, linkName: 'x'.repeat(101) };
  const input = makeTar([...names.map((path) => ({ ...file, path })), file, link], { uid: 1000660000, gid: 5 });
  const list = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--quoting-style=literal'], { input })
    .toString()
    .trim();
  const lines = list.split('\n').map((line) => line.split(/\s+/));
  expect(lines.map((words) => words.slice(5).join(' '))).toEqual([...names, deep, `l -> ${link.linkName}`]);
  expect(new Set(lines.map((words) => words[1]))).toEqual(new Set(['1000660000/5']));
  expect(execFileSync('tar', ['-xOf', '-', deep], { input }).toString()).toBe('x');
});
