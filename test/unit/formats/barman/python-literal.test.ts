import { describe, expect, it } from 'vitest';
import { parsePythonLiteral } from '../../../../src/formats/barman/python-literal.ts';

describe('a Python literal', () => {
  it.each([
    ["'plain'", 'plain'],
    [`"it's"`, "it's"],
    [String.raw`'it\'s \"so\"'`, `it's "so"`],
    [String.raw`'START WAL\nLABEL: \\ \t\x41\u00fc\U0001F600\101\0'`, 'START WAL\nLABEL: \\ \tAü😀A\0'],
    [String.raw`'unknown \q'`, 'unknown \\q'],
    ["u'unicode'", 'unicode'],
    [String.raw`b'\xff'`, 'ÿ'],
    ['None', null],
    ['True', true],
    ['False', false],
    ['42', 42],
    ['-1.5e-3', -0.0015],
    ['.5', 0.5],
    ['7710582267641524241', 7710582267641524241n],
    ['[]', []],
    ['()', []],
    ["('a',)", ['a']],
    ["('a')", 'a'],
    [
      "[('ts1', 16384, '/tmp/ts1'), (\"it's\", 16385, '/tmp/ts 2'), ]",
      [
        ['ts1', 16384, '/tmp/ts1'],
        ["it's", 16385, '/tmp/ts 2'],
      ],
    ],
    [
      "{'a': 1, 'b': {2: None}}",
      new Map<string, unknown>([
        ['a', 1],
        ['b', new Map([[2, null]])],
      ]),
    ],
    ['{}', new Map()],
  ])('%s', (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  it.each([
    '',
    "'open",
    "'line\nend'",
    '[1 2]',
    '[1,,2]',
    '(,)',
    "{'a' 1}",
    "{'a': 1 'b': 2}",
    '[1',
    'Nonesense',
    'os.getcwd()',
    "'a' 'b' c",
    String.raw`'\x4'`,
  ])('refuses %j', (text) => {
    expect(() => parsePythonLiteral(text)).toThrow(/not a Python literal/);
  });
});
