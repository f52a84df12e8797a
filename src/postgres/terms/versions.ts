import { OdoError } from '../../errors.ts';

/** The newest major version whose files ODO knows. */
export const NEWEST_MAJOR = 19;

/**
 * `versionMismatch` for a version whose files ODO does not know, before anything is done with them. `what` names the
 * owner of the version.
 */
export function demandKnownMajor(major: number, what: string): void {
  if (major <= NEWEST_MAJOR) return;
  throw new OdoError(
    'versionMismatch',
    `${what} is of PostgreSQL ${major}, and this ODO knows no newer one than ${NEWEST_MAJOR}`,
    {
      hint: 'see whether there is a newer ODO',
    },
  );
}

/**
 * The major version of a server_version_num, as a number or its text: 150004 gives 15. Before PostgreSQL 10 the major
 * version had two parts, of which only the first is given: 90624 (9.6.24) gives 9, which no image of today equals.
 * `dataCorrupt` for other text.
 */
export function majorOfVersionNum(versionNum: string | number): number {
  const value =
    typeof versionNum === 'number' ? versionNum : /^\d+$/.test(versionNum.trim()) ? Number(versionNum) : Number.NaN;
  if (!Number.isInteger(value) || value < 10000) {
    throw new OdoError('dataCorrupt', `not a PostgreSQL version number: '${versionNum}'`);
  }
  return Math.floor(value / 10000);
}

/** The major version in a PG_VERSION file, such as `15\n`; of `9.6\n` it is 9. Throws dataCorrupt for other text. */
export function majorOfPgVersionFile(text: string): number {
  const match = /^(\d{1,3})(\.\d+)?$/.exec(text.trim());
  if (!match) throw new OdoError('dataCorrupt', `not a PG_VERSION file: '${text.slice(0, 20)}'`);
  return Number(match[1]);
}

/**
 * The magic number of WAL pages, which PostgreSQL changes with its format (XLOG_PAGE_MAGIC in
 * src/include/access/xlog_internal.h).
 */
const MAJOR_OF_PAGE_MAGIC: Readonly<Record<number, number>> = {
  53505: 12,
  53510: 13,
  53517: 14,
  53520: 15,
  53523: 16,
  53526: 17,
  53528: 18,
  53538: 19,
};

const NEWEST_PAGE_MAGIC = Math.max(...Object.keys(MAJOR_OF_PAGE_MAGIC).map(Number));

/**
 * Whether a page is of newer WAL than any known here, by its first two bytes. PostgreSQL only ever counts its magic
 * number up.
 */
export function isNewerWalPage(page: Uint8Array): boolean {
  const magic = (page[0] ?? 0) | ((page[1] ?? 0) << 8);
  return magic > NEWEST_PAGE_MAGIC && magic <= (NEWEST_PAGE_MAGIC | 0xff);
}

/**
 * The major version that wrote a WAL page, from its first two bytes (as little-endian machines write them);
 * undefined for what is not a WAL page of a version known here.
 */
export function majorOfWalPage(page: Uint8Array): number | undefined {
  if (page.length < 2) return undefined;
  return MAJOR_OF_PAGE_MAGIC[(page[0] ?? 0) | ((page[1] ?? 0) << 8)];
}
