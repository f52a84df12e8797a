import { OdoError } from '../../errors.ts';

/**
 * One tablespace: the server links `pg_tblspc/<oid>` to this directory when it starts with the map in its data
 * directory.
 */
export interface TablespaceMapEntry {
  oid: number;
  location: string;
}

/**
 * Reads `tablespace_map`: lines of OID, one blank, and the path. In the path, a backslash stands before each backslash,
 * line feed and carriage return; the reader accepts it before any character. `dataCorrupt` for other lines. Source:
 * PostgreSQL, src/backend/access/transam/xlog.c (do_pg_backup_start) and xlogrecovery.c (read_tablespace_map).
 */
export function parseTablespaceMap(text: string): TablespaceMapEntry[] {
  const entries: TablespaceMapEntry[] = [];
  let line = '';
  const finishLine = () => {
    if (line !== '') entries.push(parseLine(line));
    line = '';
  };
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === '\\') line += text.charAt(++index);
    else if (character === '\n' || character === '\r') finishLine();
    else line += character;
  }
  finishLine();
  return entries;
}

/** The text of the map, for PostgreSQL to read; the inverse of parseTablespaceMap. */
export function formatTablespaceMap(entries: readonly TablespaceMapEntry[]): string {
  return entries.map(({ oid, location }) => `${oid} ${location.replace(/[\\\n\r]/g, '\\$&')}\n`).join('');
}

/** The map with new directories for the tablespaces that `locations` names; the others stay where they are. */
export function relocate(
  entries: readonly TablespaceMapEntry[],
  locations: ReadonlyMap<number, string>,
): TablespaceMapEntry[] {
  return entries.map(({ oid, location }) => ({ oid, location: locations.get(oid) ?? location }));
}

function parseLine(line: string): TablespaceMapEntry {
  const match = /^(\d+) ([\s\S]+)$/.exec(line);
  if (!match) throw new OdoError('dataCorrupt', `tablespace_map: unreadable line '${line.slice(0, 100)}'`);
  return { oid: Number(match[1]), location: match[2] ?? '' };
}
