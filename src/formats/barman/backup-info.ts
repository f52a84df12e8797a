import { OdoError } from '../../errors.ts';
import { parseServerTime } from '../../postgres/files/backup-label.ts';
import { majorOfVersionNum } from '../../postgres/terms/versions.ts';
import { respellLsn } from '../../postgres/terms/wal-names.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { Tablespace } from '../contract/format.ts';
import { type PythonValue, parsePythonLiteral } from './python-literal.ts';

/**
 * The fields of barman's `backup.info` that ODO needs. Times are ISO 8601 in UTC. Values that the file gives as None
 * are absent.
 */
export interface BackupInfo {
  /** EMPTY, STARTED, WAITING_FOR_WALS, DONE, SYNCING or FAILED; a barman of the future may have others. */
  status: string;
  error?: string;
  name?: string;
  postgresMajor?: number;
  systemIdentifier?: string;
  timeline?: number;
  beginTime?: string;
  endTime?: string;
  beginWal?: string;
  endWal?: string;
  beginLsn?: string;
  endLsn?: string;
  walSegmentSizeBytes?: number;
  tablespaces: Tablespace[];
  /** Size of the cluster on disk (barman 3.11 and later). */
  clusterSizeBytes?: number;
  /** barman's own encryption, such as `gpg`; not that of the store. */
  encryption?: string;
  /** Set for an incremental backup. */
  parentBackupId?: string;
  /** The data is in disk snapshots, not in the repository. */
  snapshots: boolean;
}

/**
 * Reads backup.info: lines of `key=value`, split at the first `=`; `None` is no value; some values are Python literals.
 * Unknown keys are passed over. Throws dataCorrupt when it is not such a file, or when a value that matters is not of
 * its kind. Source: barman, barman/infofile.py (FieldListFile, BackupInfo).
 */
export function parseBackupInfo(text: string): BackupInfo {
  const fields = readFields(text);
  const status = fields.get('status');
  if (status === undefined) throw new OdoError('dataCorrupt', 'backup.info has no status; it may have been cut short');
  const version = fields.get('version');
  return withoutUndefined({
    status,
    error: fields.get('error'),
    name: fields.get('backup_name'),
    postgresMajor: version === undefined ? undefined : majorOfVersionNum(version),
    systemIdentifier: fields.get('systemid'),
    timeline: integer(fields, 'timeline'),
    beginTime: time(fields, 'begin_time'),
    endTime: time(fields, 'end_time'),
    beginWal: fields.get('begin_wal'),
    endWal: fields.get('end_wal'),
    beginLsn: lsn(fields, 'begin_xlog'),
    endLsn: lsn(fields, 'end_xlog'),
    walSegmentSizeBytes: integer(fields, 'xlog_segment_size'),
    tablespaces: tablespaces(fields.get('tablespaces')),
    clusterSizeBytes: integer(fields, 'cluster_size'),
    encryption: fields.get('encryption'),
    parentBackupId: fields.get('parent_backup_id'),
    snapshots: fields.has('snapshots_info'),
  });
}

function readFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals < 1 || line.startsWith('#')) continue;
    const value = line.slice(equals + 1).trim();
    if (value !== 'None' && value !== '') fields.set(line.slice(0, equals).trim(), value);
  }
  return fields;
}

function integer(fields: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = fields.get(key);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw unreadable(key, text);
  return Number(text);
}

function lsn(fields: ReadonlyMap<string, string>, key: string): string | undefined {
  const text = fields.get(key);
  return text === undefined ? undefined : respellLsn(text);
}

/** barman writes times with their offset; one without is taken as UTC. */
function time(fields: ReadonlyMap<string, string>, key: string): string | undefined {
  const text = fields.get(key);
  if (text === undefined) return undefined;
  const iso = parseServerTime(text);
  if (iso === undefined) throw unreadable(key, text);
  return iso;
}

function tablespaces(literal: string | undefined): Tablespace[] {
  if (literal === undefined) return [];
  const list = parsePythonLiteral(literal);
  if (list === null) return [];
  if (!Array.isArray(list)) throw unreadable('tablespaces', literal);
  return list.map((item: PythonValue): Tablespace => {
    const [name, oid, location] = Array.isArray(item) ? item : [];
    if (typeof name !== 'string' || typeof oid !== 'number' || typeof location !== 'string')
      throw unreadable('tablespaces', literal);
    return { oid, name, location };
  });
}

function unreadable(key: string, text: string): OdoError {
  return new OdoError('dataCorrupt', `backup.info: ${key} is unreadable: '${text.slice(0, 100)}'`);
}
