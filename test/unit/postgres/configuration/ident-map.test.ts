import { expect, test } from 'vitest';
import { findMapsWithoutPostgres } from '../../../../src/postgres/configuration/ident-map.ts';

const HBA =
  "# Grant local access ('local' user map)\nlocal all all peer map=local\nhostssl all all all cert map=other\n";

test.each([
  ['the right user', HBA, 'local postgres postgres', []],
  ['another user', HBA, 'local enterprise postgres', ['local']],
  ['a pattern that fits', HBA, 'local /^p postgres', []],
  ['a pattern for everybody', HBA, 'local / postgres', []],
  ['a pattern that does not', HBA, 'local /^x postgres', ['local']],
  ['a pattern that cannot be read', HBA, 'local /( postgres', ['local']],
  ['another map', HBA, 'users postgres postgres', ['local']],
  ['nothing', HBA, '', ['local']],
  ['no map asked for', 'local all all peer\nlocal all all trust', '', []],
  ['a map for others', 'local all app peer map=app', '', []],
  ['quotes', 'local all "postgres" peer map="x y"', '"x y" "postgres" "postgres"', []],
])('%s', (_name, hba, ident, maps) => {
  expect(findMapsWithoutPostgres(hba, ident)).toEqual(maps);
});
