import { describe, expect, it } from 'vitest';
import type { Service } from '../../../../src/docker/compose/service.ts';
import { localedef, localesOf, unknownLocales } from '../../../../src/restore/rehearsal/foreign-locales.ts';

const database = (name: string, collate: string, allowsConnections = true, isLibc = true) => ({
  oid: 1,
  name,
  collate,
  ctype: 'C',
  isLibc,
  allowsConnections,
});
const DATABASES = [
  database('postgres', 'en_US.utf8'),
  database('shop', 'de_DE.UTF-8'),
  database('template0', 'xx_XX', false),
];
const SERVICE = { imageRef: 'postgres:15' } as Service;

describe('locales of databases', () => {
  it('are those that are used and that not every system has', () => {
    expect(localesOf(DATABASES, 15)).toEqual(['de_DE.UTF-8', 'en_US.utf8']);
  });

  it('are not asked for where only ICU collates, from PostgreSQL 19 on', () => {
    const databases = [database('shop', 'de_DE.UTF-8', true, false)];
    expect([18, 19].map((major) => localesOf(databases, major))).toEqual([['de_DE.UTF-8'], []]);
  });

  it('let nobody connect where the image lacks them', () => {
    expect(() => unknownLocales({ databases: DATABASES, major: 15 }, () => true, SERVICE)).not.toThrow();
    expect(() =>
      unknownLocales({ databases: DATABASES, major: 15 }, (name) => name !== 'de_DE.UTF-8', SERVICE),
    ).toThrow('postgres:15 lacks the locale de_DE.UTF-8 of database shop: no one could connect to it');
  });

  it.each([
    ['de_DE.UTF-8', '-i de_DE -c -f UTF-8'],
    ['de_DE.utf8', '-i de_DE -c -f UTF-8'],
    ['de_DE', '-i de_DE -c -f ISO-8859-1'],
    ['de_DE@euro', '-i de_DE@euro -c -f ISO-8859-15'],
    ['pl_PL.iso88592', '-i pl_PL -c -f ISO-8859-2'],
  ])('%s is made by %s', (locale, flags) => {
    expect(localedef(locale)).toBe(`RUN localedef ${flags} -A /usr/share/locale/locale.alias ${locale}`);
  });
});
