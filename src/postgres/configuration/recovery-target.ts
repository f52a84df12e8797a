import { spellTimestamp } from '../terms/timestamp.ts';
import { spellMoment } from './target-time.ts';

/** Where recovery is to stop, as plain JSON. */
export type RecoveryTarget =
  /** ISO 8601 in UTC with microseconds. */
  | { kind: 'time'; time: string }
  | { kind: 'lsn'; lsn: string }
  /** A transaction's id as decimal text, without the epoch, as in WAL records. */
  | { kind: 'xid'; xid: string }
  /** A restore point (pg_create_restore_point). */
  | { kind: 'name'; name: string }
  /** The end of the backup, as soon as it is consistent. */
  | { kind: 'immediate' };

/** What the server does when it has reached the target. */
export type TargetAction = 'promote' | 'pause' | 'shutdown';

/**
 * The timeline that recovery follows. latest: the newest that leads on from the backup. current: the backup's own. A
 * number: that timeline.
 */
export type TargetTimeline = 'latest' | 'current' | number;

/** Everything that was asked of the moment, as plain JSON. */
export interface Moment {
  target: RecoveryTarget;
  /** undefined when none was asked for: `latest`, as long as that is no other history than the target's. */
  timeline?: TargetTimeline;
  /** Stop just before the target, not just after it. */
  exclusive: boolean;
  action: TargetAction;
}

/** The setting that names a target, with its value as PostgreSQL reads it. */
export function targetSetting(target: RecoveryTarget): readonly [name: string, value: string] {
  switch (target.kind) {
    case 'time':
      return ['recovery_target_time', spellTimestamp(target.time)];
    case 'lsn':
      return ['recovery_target_lsn', target.lsn];
    case 'xid':
      return ['recovery_target_xid', target.xid];
    case 'name':
      return ['recovery_target_name', target.name];
    case 'immediate':
      return ['recovery_target', 'immediate'];
  }
}

/** The target for a person. */
export function targetWords({ target, exclusive }: Pick<Moment, 'target' | 'exclusive'>): string {
  const before = exclusive ? 'just before ' : '';
  switch (target.kind) {
    case 'time':
      return `${before}${spellMoment(target.time)}`;
    case 'lsn':
      return `${before}LSN ${target.lsn}`;
    case 'xid':
      return `${before}transaction ${target.xid}`;
    case 'name':
      return `restore point ${target.name}`;
    case 'immediate':
      return 'the end of the backup';
  }
}
