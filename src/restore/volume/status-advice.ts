import type { VolumeStatus } from '../contract/volume-status.ts';
import { TRANSITIONS } from './transitions.ts';

/** What to do about the content of a volume. `isFollowed`: an odo follow is at work for the standby. */
export function adviceOn(status: VolumeStatus & { isFollowed?: boolean }): string {
  const salvage = status.keptSalvage
    ? '; WAL of old data, which nothing else has, is kept in .odo/salvage: a restore to the end of the archive ' +
      'goes on with it, odo clean --accept-loss removes it for good'
    : '';
  const open = status.use?.isRollbackOpen
    ? '; the last rollback was broken off before its end was told: the next odo rollback finishes that one, and only ' +
      'another goes back'
    : '';
  return (status.isStandby ? adviceOnStandby(status) : adviceOnSituation(status)) + open + salvage;
}

function adviceOnSituation({ situation, waitsAt, wiped, keptBecause }: VolumeStatus): string {
  const advice = TRANSITIONS[situation].advice.replace('{target}', waitsAt ?? 'its target');
  if (keptBecause !== undefined) {
    return `${advice}; it is the only copy of something, so that odo clean asks for --accept-loss: ${keptBecause}`;
  }
  return wiped && situation !== 'clearing' ? `${advice} (the old data was deleted beforehand, --wipe)` : advice;
}

function adviceOnStandby({ situation, isFollowed }: Parameters<typeof adviceOn>[0]): string {
  const following = isFollowed
    ? 'and odo follow is at work for it'
    : 'and nobody brings it what is archived: odo follow does';
  const back =
    TRANSITIONS[situation].rollback === 'undo' ? ', odo rollback goes back to the old data' : '; there is no old data';
  return `the restored server is a standby, ${following}; odo promote makes it a primary${back}`;
}
