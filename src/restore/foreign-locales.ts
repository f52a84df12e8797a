import type { Service } from '../docker/service.ts';
import { OdoError } from '../errors.ts';
import type { CatalogDatabase } from '../postgres/database-catalog.ts';

/** The locales that databases were made with, but for those that every system has. */
export function localesOf(databases: readonly CatalogDatabase[]): string[] {
  const all = databases.filter(({ allowsConnections }) => allowsConnections).flatMap(({ collate, ctype }) => [collate, ctype]);
  return [...new Set(all)].filter((locale) => !/^(C|POSIX)$/.test(locale)).sort();
}

/** A server starts without the locale of a database, and then turns every connection to that down: `versionMismatch` before it comes to that. */
export function unknownLocales(
  databases: readonly CatalogDatabase[],
  isKnown: (locale: string) => boolean,
  service: Service,
): void {
  const unknown = localesOf(databases).filter((locale) => !isKnown(locale));
  if (unknown.length === 0) return;
  const affected = databases.filter(
    ({ collate, ctype, allowsConnections }) => allowsConnections && (unknown.includes(collate) || unknown.includes(ctype)),
  );
  const names = affected.map(({ name }) => name);
  throw new OdoError(
    'versionMismatch',
    `${service.imageRef} lacks the locale ${unknown.join(', ')} of database ${names.join(', ')}: no one could connect to it`,
    {
      hint: `build an image that has it, and name that in the compose file:\nFROM ${service.imageRef}\n${unknown.map(localedef).join('\n')}`,
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
