import { type BackupLabel, parseBackupLabel } from '../../postgres/files/backup-label.ts';
import { parseTablespaceMap, type TablespaceMapEntry } from '../../postgres/files/tablespace-map.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { Part } from '../contract/format.ts';
import { readTarHead } from './tar-head.ts';

/** The facts at the beginning of base.tar. */
export interface SetLabel {
  label: BackupLabel;
  tablespaces: TablespaceMapEntry[];
}

const MAX_BYTES = 1024 * 1024;
const MAX_MAP_BYTES = 1024 * 1024;

/**
 * Reads backup_label and tablespace_map from the head of base.tar, where PostgreSQL puts them: the first two members.
 * There is no map without tablespaces (since 17 an empty one). undefined when the tar begins with something else.
 * Throws dataCorrupt when it is no tar, or the label is unreadable. Source: PostgreSQL, src/backend/backup/basebackup.c
 * (perform_base_backup).
 */
export async function readSetLabel(
  store: ObjectStore,
  base: Part,
  signal?: AbortSignal,
): Promise<SetLabel | undefined> {
  const head = readTarHead(store, base, { maxBytes: MAX_BYTES, contentBytes: MAX_MAP_BYTES, signal });
  let label: BackupLabel | undefined;
  for await (const { name, content } of head) {
    if (label === undefined) {
      if (name !== 'backup_label') return undefined;
      label = parseBackupLabel(content.toString('utf8'));
      continue;
    }
    return { label, tablespaces: name === 'tablespace_map' ? parseTablespaceMap(content.toString('utf8')) : [] };
  }
  return label && { label, tablespaces: [] };
}
