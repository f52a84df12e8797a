import fs from 'node:fs';
import path from 'node:path';
import { isHistoryName } from '../../postgres/terms/wal-names.ts';
import { writeFileDurably } from '../../tree/places/durable.ts';
import type { Place } from '../../tree/places/place.ts';

/**
 * Marks the history of the restored server's new timeline for the archiver, which sends it as soon as archiving is
 * turned on. PostgreSQL marks a history only when it writes it, and archiving was off then. Without the mark the
 * archive would get segments of a timeline to which nothing leads. A mark of the server's own stays as it is. Only for
 * a server that has ended its recovery. Source: PostgreSQL, src/backend/access/transam/timeline.c
 * (writeTimeLineHistory), xlogarchive.c (XLogArchiveNotify), pgarch.c.
 */
export function leaveHistory({ root }: Place): void {
  const wal = path.join(root, 'pg_wal');
  const status = path.join(wal, 'archive_status');
  // pg_wal may be a link to where this container cannot see.
  if (!fs.existsSync(status)) return;
  const newest = fs.readdirSync(wal).filter(isHistoryName).sort().at(-1);
  if (newest === undefined) return;
  const mark = (state: string) => path.join(status, `${newest}.${state}`);
  if (fs.existsSync(mark('ready')) || fs.existsSync(mark('done'))) return;
  const { uid, gid } = fs.statSync(path.join(wal, newest));
  writeFileDurably(mark('ready'), '', 0o600, { uid, gid });
}
