import { describe, expect, it, test } from 'vitest';
import { isOn, parseConfiguration, readSettings } from '../../../../src/postgres/configuration/configuration-file.ts';

test.each([
  ['work_mem = 8MB', ['work_mem', '8MB']],
  ['  Work_Mem 8MB # comment', ['work_mem', '8MB']],
  ["name='it''s \\'so\\' \\\\ \\101\\n'", ['name', "it's 'so' \\ A\n"]],
  ["include 'custom.conf'", ['include', 'custom.conf']],
  ['include custom.conf', ['include', 'custom.conf']],
  ["cnpg.config_sha256 = 'ab'", ['cnpg.config_sha256', 'ab']],
  ['search_path = \'"$user", public\'', ['search_path', '"$user", public']],
])('%s', (line, setting) => {
  expect(parseConfiguration(line)).toEqual([setting]);
});

it('passes over comments, empty lines and what is no setting', () => {
  expect(parseConfiguration("# x = 1\n\n  #\n= 3\n1x = 2\nunfinished = '\r\n")).toEqual([]);
});

describe('the configuration of a server', () => {
  const reading = (files: Record<string, string>, autoConf = '') =>
    readSettings({ read: (file) => files[file], list: () => undefined }, autoConf);

  it('is the last word on each setting, through all included files, and postgresql.auto.conf after them', () => {
    const { settings, isWhole } = reading(
      {
        'postgresql.conf': "port = 1\nwork_mem = 1MB\ninclude 'custom.conf'\nport = 3\ninclude_if_exists 'gone.conf'\n",
        'custom.conf': "port = 2\nwork_mem = 2MB\ninclude 'sub/more.conf'\n",
        'sub/more.conf': "include 'beside.conf'\n",
        'sub/beside.conf': 'max_connections = 7\n',
      },
      'max_connections = 9\n',
    );
    expect(Object.fromEntries(settings)).toEqual({ port: '3', work_mem: '2MB', max_connections: '9' });
    expect(isWhole).toBe(true);
  });

  it.each([
    ["include '/etc/postgresql/more.conf'"],
    ["include_if_exists '/etc/postgresql/more.conf'"],
    ["include_dir 'conf.d'"],
    ["include 'gone.conf'"],
  ])('is not all of it with %s', (line) => {
    expect(reading({ 'postgresql.conf': `${line}\nport = 1\n` }).isWhole).toBe(false);
  });

  it('ends where files include each other', () => {
    expect(reading({ 'postgresql.conf': "include 'postgresql.conf'\nport = 1" })).toMatchObject({ isWhole: false });
  });

  it('is not known at all without its first file', () => {
    expect(reading({}, 'port = 5')).toMatchObject({ settings: new Map([['port', '5']]), isWhole: false, files: [] });
  });
});

test.each([
  ['on', true],
  ['TRUE', true],
  ['1', true],
  ['off', false],
  ['false', false],
  [undefined, false],
])('%s is on: %s', (text, on) => {
  expect(isOn(text)).toBe(on);
});
