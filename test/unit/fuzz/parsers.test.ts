import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../src/errors.ts';
import { parseBackupInfo } from '../../../src/formats/barman/backup-info.ts';
import { parsePythonLiteral } from '../../../src/formats/barman/python-literal.ts';
import { parseBackupLabel } from '../../../src/postgres/files/backup-label.ts';
import { parseManifest } from '../../../src/postgres/files/backup-manifest.ts';
import { readManifest } from '../../../src/postgres/files/manifest-reader.ts';
import { parsePgControl } from '../../../src/postgres/files/pg-control.ts';
import { parseTablespaceMap } from '../../../src/postgres/files/tablespace-map.ts';
import { parseTimelineHistory } from '../../../src/postgres/terms/timeline-history.ts';
import { readWalPageHeader } from '../../../src/postgres/wal/wal-page.ts';
import { createRandom, damage } from './random.ts';

const FIXTURES = new URL('../../fixtures/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, FIXTURES));

const INFO = readdirSync(new URL('barman/prefix/', FIXTURES), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('backup.info'))
  .map((name) => fixture(`barman/prefix/${name}`));
const HISTORY = fixture('postgres/00000002.history');
const LABEL = Buffer.from(
  'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\n' +
    'BACKUP METHOD: streamed\nSTART TIME: 2025-10-24 02:26:08 UTC\nLABEL: x\nSTART TIMELINE: 1\n',
);
const MAP = Buffer.from('16384 /srv/with a space\n16385 /srv/back\\\\slash\n');
const LITERAL = Buffer.from(
  "[('ts1', 16387, '/path'), {'a': [1, 2.5, None], \"b\": (True,)}, b'\\x00', 'It\\'s \\u00e9\\n']",
);
const REAL = fixture('basebackup/backups/pg17/20251024T100000/backup_manifest');
/** The ends of a manifest, which are what matters, without the length of the real one. */
const MANIFEST = Buffer.concat([REAL.subarray(0, REAL.indexOf('\n', 2000) + 1), REAL.subarray(-600)]);
const WORDS = [
  '(',
  '[',
  '{',
  "'",
  '"',
  '\\',
  '\n',
  '\0',
  '=',
  ',',
  ': ',
  '-1',
  '99999999999999999999',
  '1e400',
  'None',
  '0/0',
  '\u{1f418}',
  '__proto__',
];

const text = (parse: (text: string) => unknown) => (bytes: Buffer) => parse(bytes.toString('utf8'));

const PARSERS: [string, readonly Buffer[], (bytes: Buffer) => unknown, number][] = [
  ['backup.info', INFO, text(parseBackupInfo), 2000],
  ['a Python literal', [LITERAL], text(parsePythonLiteral), 5000],
  ['backup_label', [LABEL], text(parseBackupLabel), 5000],
  ['tablespace_map', [MAP], text(parseTablespaceMap), 5000],
  ['a timeline history', [HISTORY], text(parseTimelineHistory), 5000],
  ['a manifest, whole', [MANIFEST], text(parseManifest), 1000],
  ['pg_control', [fixture('postgres/pg_control.17')], parsePgControl, 2000],
  ['a WAL page', [fixture('postgres/wal_page.17')], readWalPageHeader, 5000],
];

/** Fails the test when it is any error but ours. */
function expectOurs(error: unknown, input: Buffer): void {
  if (error instanceof OdoError && error.code === 'dataCorrupt') return;
  expect.fail(`${error} for ${JSON.stringify(input.toString('latin1').slice(0, 200))}`);
}

it.each(PARSERS)('%s that is damaged in any way is read or called corrupt', (_what, inputs, parse, rounds) => {
  const random = createRandom(20251024);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const input = damage(random, random.pick(inputs), WORDS);
    try {
      parse(input);
    } catch (error) {
      refused += 1;
      expectOurs(error, input);
    }
  }
  expect(inputs.length).toBeGreaterThan(0);
  if (parse !== readWalPageHeader) expect(refused).toBeGreaterThan(0);
});

it('a manifest that is damaged in any way is called corrupt when it is read line by line', async () => {
  const random = createRandom(3);
  for (let round = 0; round < 300; round++) {
    const input = damage(random, MANIFEST, WORDS);
    await readManifest(
      (async function* () {
        yield input;
      })(),
      () => undefined,
    ).then(
      () => expect.fail('the ends of a manifest do not have its checksum'),
      (error: unknown) => expectOurs(error, input),
    );
  }
});

describe('what nests without end', () => {
  it.each(['[', '(', '{1:', "[('a',"])('%s is refused, not followed down', (opening) => {
    const input = Buffer.from(opening.repeat(100_000));
    try {
      parsePythonLiteral(input.toString());
      expect.unreachable();
    } catch (error) {
      expectOurs(error, input);
    }
  });
});
