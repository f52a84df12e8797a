import type { TarEntry } from '../../stream/bytes/entry.ts';

/** Files that barman's native backups bring first and, in the order of the directories, again. */
const REPEATED_AS_IT_IS = new Set(['backup_label', 'backup_manifest']);

/** Files at the top of a data directory that are PostgreSQL's own. */
const SERVER_FILES = new Set(['PG_VERSION', 'tablespace_map', 'postgresql.auto.conf', 'current_logfiles']);

/**
 * barman-cloud puts configuration files from outside the data directory beside those inside. The later one is what the
 * server read, as tar has it. barman's native cloud backups have PostgreSQL's own files twice, with the same bytes.
 * Source: barman, barman/cloud.py (CloudBackupUploader._backup_config_files); tars that barman 3.20 made.
 */
export function mayRepeat({ path: member, type }: TarEntry): 'later' | 'same' | undefined {
  if (type !== 'file' || member.includes('/')) return undefined;
  if (REPEATED_AS_IT_IS.has(member)) return 'same';
  return SERVER_FILES.has(member) ? undefined : 'later';
}
