import fs from 'node:fs';
import path from 'node:path';
import { currentTimeline, type PgControl } from '../postgres/files/pg-control.ts';
import { type PostmasterPid, parsePostmasterPid } from '../postgres/files/postmaster-pid.ts';
import { parseTimelineHistory } from '../postgres/terms/timeline-history.ts';
import { isSegmentName } from '../postgres/terms/wal-names.ts';
import type { Place } from '../tree/places/place.ts';
import { CONTROL_FILE } from './base-members.ts';
import { readControl } from './read-control-file.ts';
import { readServerLog } from './server-log-file.ts';

/** The state of a server's recovery, judged from its files alone; plain JSON. */
export interface RecoveryState {
  /** Recovery has ended: the server took its signal files away, and notes that it is in production. */
  ended: boolean;
  /** The server's own word in postmaster.pid; absent when there is no such file. */
  serverStatus?: PostmasterPid['status'];
  /** The content of pg_control; absent when it cannot be read at the moment. */
  control?: Pick<PgControl, 'state' | 'checkpointLsn' | 'redoLsn' | 'timeline' | 'minRecoveryLsn' | 'settings'>;
  /** Timeline of a server whose recovery has ended. */
  timeline?: number;
  /** The position at which that timeline begins. */
  endLsn?: string;
  /** The last WAL segment that the server has taken from the feeder. */
  takenSegment?: string;
  /** Transactions that are prepared, as far as they have been written down. */
  preparedTransactions: number;
  /** Changes with everything that the server's recovery leaves on the disk. */
  sign: string;
  /**
   * The last lines of the log that the server writes into its data directory. Absent when it writes none, or when the
   * log was not asked for.
   */
  log?: string;
}

/** Files by which a server shows that it has not seen the end of its recovery. */
const UNFINISHED = ['recovery.signal', 'standby.signal', 'backup_label'];

/** Reads the state; nothing is changed. Files that come and go meanwhile are no error. */
export function readRecoveryState({ root }: Place, options: { log?: boolean } = {}): RecoveryState {
  // These are looked at before pg_control: the server removes them first. A backup's own pg_control says "in
  // production", too.
  const isUnfinished = UNFINISHED.some((name) => fs.existsSync(path.join(root, name)));
  const server = parsePostmasterPid(textOf(path.join(root, 'postmaster.pid')) ?? '');
  const control = readControl(root);
  const wal = path.join(root, 'pg_wal');
  const ended = !isUnfinished && control?.state === 'in production';
  const log = options.log ? readServerLog(root) : undefined;
  return {
    ended,
    ...(server?.status === undefined ? {} : { serverStatus: server.status }),
    ...(control === undefined ? {} : { control: pick(control) }),
    ...(ended && control ? endOf(wal, control) : {}),
    preparedTransactions: namesIn(path.join(root, 'pg_twophase')).length,
    sign: signOf(root, wal, server),
    ...(log === undefined ? {} : { log }),
  };
}

function pick({
  state,
  checkpointLsn,
  redoLsn,
  timeline,
  minRecoveryLsn,
  settings,
}: PgControl): NonNullable<RecoveryState['control']> {
  return {
    state,
    checkpointLsn,
    redoLsn,
    timeline,
    ...(minRecoveryLsn === undefined ? {} : { minRecoveryLsn }),
    settings,
  };
}

/**
 * The timeline and the end of recovery. A promoted server notes its new timeline at once, but not always in the
 * checkpoint's place.
 */
function endOf(wal: string, control: PgControl): Pick<RecoveryState, 'timeline' | 'endLsn'> {
  const timeline = currentTimeline(control);
  const history = textOf(path.join(wal, `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`));
  if (history === undefined) return { timeline };
  try {
    const endLsn = parseTimelineHistory(history).at(-1)?.switchLsn;
    return { timeline, ...(endLsn === undefined ? {} : { endLsn }) };
  } catch {
    return { timeline };
  }
}

/** Times of directories and files, which tell of what is written, moved in and removed there. */
function signOf(root: string, wal: string, server: PostmasterPid | undefined): string {
  const touched = ['', CONTROL_FILE, 'pg_wal', 'pg_xact', 'backup_label', 'backup_label.old'].map((name) =>
    changedAt(path.join(root, name)),
  );
  const segments = namesIn(wal).filter((name) => isSegmentName(name) || name === 'RECOVERYXLOG');
  const newest = Math.max(0, ...segments.map((name) => changedAt(path.join(wal, name))));
  return [server?.status ?? 'none', ...touched, newest].join(' ');
}

function changedAt(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? 0;
}

/** Names in a directory. pg_wal may be a link to where this container cannot see. */
function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
