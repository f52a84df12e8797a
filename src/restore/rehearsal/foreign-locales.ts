import type { Service } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import type { CatalogDatabase } from '../../postgres/files/database-catalog.ts';

/**
 * The locales that a server of this major version needs for connections to the databases, but for those that every
 * system has. Source: PostgreSQL, src/backend/utils/init/postinit.c (CheckMyDatabase)
 */
export function localesOf(databases: readonly CatalogDatabase[], major: number): string[] {
  const all = databases.filter(({ allowsConnections }) => allowsConnections).flatMap((one) => localesOfOne(one, major));
  return [...new Set(all)].filter((locale) => !/^(C|POSIX)$/.test(locale)).sort();
}

/** Until PostgreSQL 18 the C library's collation is set even where it is not used. */
function localesOfOne({ collate, ctype, isLibc }: CatalogDatabase, major: number): string[] {
  return isLibc || major < 19 ? [collate, ctype] : [ctype];
}

/**
 * Refuses databases whose locale the server lacks: it would start, and then turn every connection to them down.
 * Errors: `versionMismatch`.
 */
export function unknownLocales(
  { databases, major }: { databases: readonly CatalogDatabase[]; major: number },
  isKnown: (locale: string) => boolean,
  service: Pick<Service, 'imageRef'>,
): void {
  const unknown = localesOf(databases, major).filter((locale) => !isKnown(locale));
  if (unknown.length === 0) return;
  const affected = databases.filter((one) => localesOf([one], major).some((locale) => unknown.includes(locale)));
  const names = affected.map(({ name }) => name);
  throw new OdoError(
    'versionMismatch',
    `${service.imageRef} lacks the locale ${unknown.join(', ')} of database ${names.join(', ')}: no one ` +
      'could connect to it',
    {
      hint:
        'build an image that has it, and name that in the compose file:\nFROM ' +
        `${service.imageRef}\n${unknown.map(localedef).join('\n')}\nWhere nobody needs the database, ` +
        '--no-rehearsal restores without asking',
    },
  );
}

/** The line of a Dockerfile that makes a locale in Debian's images, as the manual of the official images has it. */
export function localedef(locale: string): string {
  const [, language = locale, charset, modifier = ''] = /^([^.@]+)(?:\.([^@]+))?(@.+)?$/.exec(locale) ?? [];
  const usual = modifier === '@euro' ? 'ISO-8859-15' : 'ISO-8859-1';
  const named =
    charset === undefined ? usual : charset.replace(/^utf-?8$/i, 'UTF-8').replace(/^iso-?8859-?(\d+)$/i, 'ISO-8859-$1');
  return `RUN localedef -i ${language}${modifier} -c -f ${named} -A /usr/share/locale/locale.alias ${locale}`;
}
