import { OdoError } from '../../errors.ts';
import { respellLsn } from '../terms/wal-names.ts';

/** The fields of `backup_label`. Times are ISO 8601 in UTC, LSNs in PostgreSQL's form. */
export interface BackupLabel {
  startLsn: string;
  startWal: string;
  checkpointLsn?: string;
  /** `streamed` from pg_basebackup and pg_backup_start. */
  method?: string;
  /** `primary` or `standby`. */
  from?: string;
  startTime?: string;
  label?: string;
  startTimeline?: number;
  /** Present in an incremental backup (PostgreSQL 17 and later): only what changed since then is in it. */
  incrementalFrom?: { lsn: string; timeline?: number };
}

/**
 * Reads `backup_label`. `dataCorrupt` without START WAL LOCATION, with which each one begins. Source: PostgreSQL,
 * src/backend/access/transam/xlogbackup.c, build_backup_content.
 */
export function parseBackupLabel(text: string): BackupLabel {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2).trimEnd());
  }
  const start = /^([0-9A-Fa-f]+\/[0-9A-Fa-f]+) \(file ([0-9A-F]{24})\)$/.exec(fields.get('START WAL LOCATION') ?? '');
  if (!start) throw new OdoError('dataCorrupt', 'backup_label has no readable START WAL LOCATION');

  const label: BackupLabel = { startLsn: lsn(start[1] ?? ''), startWal: start[2] ?? '' };
  const checkpoint = fields.get('CHECKPOINT LOCATION');
  if (checkpoint !== undefined) label.checkpointLsn = lsn(checkpoint);
  const method = fields.get('BACKUP METHOD');
  if (method !== undefined) label.method = method;
  const from = fields.get('BACKUP FROM');
  if (from !== undefined) label.from = from;
  const startTime = parseServerTime(fields.get('START TIME') ?? '');
  if (startTime !== undefined) label.startTime = startTime;
  const name = fields.get('LABEL');
  if (name !== undefined) label.label = name;
  const timeline = fields.get('START TIMELINE');
  if (timeline !== undefined) label.startTimeline = Number.parseInt(timeline, 10);
  const incrementalLsn = fields.get('INCREMENTAL FROM LSN');
  if (incrementalLsn !== undefined) {
    const incrementalTimeline = fields.get('INCREMENTAL FROM TLI');
    label.incrementalFrom = {
      lsn: lsn(incrementalLsn),
      ...(incrementalTimeline === undefined ? {} : { timeline: Number.parseInt(incrementalTimeline, 10) }),
    };
  }
  return label;
}

/**
 * Reads a server's time with its log_timezone, such as `2025-10-24 02:26:08 UTC`, as ISO 8601 in UTC. undefined when it
 * is no time. UTC, GMT and numeric offsets (`+02`, `-0330`, `+05:30`) are exact. Another abbreviation, such as CEST,
 * names no offset that can be relied upon: IST is three different ones. Such a time is taken as UTC and may be hours
 * off.
 */
export function parseServerTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)\s*(\S*)$/.exec(text);
  if (!match) return undefined;
  const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(match[3] ?? '');
  const zone = offset ? `${offset[1]}${offset[2]}:${offset[3] ?? '00'}` : 'Z';
  const time = new Date(`${match[1]}T${match[2]}${zone}`);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function lsn(text: string): string {
  return respellLsn(text.trim());
}
