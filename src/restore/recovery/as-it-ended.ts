import type { RecoveryState } from '../../cluster/recovery-state.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { ServerStatus } from '../database/service-database.ts';
import type { Recovered } from './watched.ts';

/**
 * The end of a recovery as the server tells it. What the files say stays true, whatever has become of the server since.
 * @param isPositionItsOwn the position that it tells is of this recovery, and not of one before a restart
 */
export function asItEnded(
  { inRecovery, replayPaused, replayLsn, timeline, lastCommitTime }: ServerStatus,
  files: RecoveryState | undefined,
  isPositionItsOwn: boolean,
): Recovered {
  const known = files?.ended ? files : undefined;
  const said = isPositionItsOwn ? replayLsn : undefined;
  return withoutUndefined({
    inRecovery,
    replayPaused,
    replayLsn: known?.endLsn ?? said,
    lastCommitTime,
    timeline: known?.timeline ?? timeline,
  });
}

/** The end of a recovery of a server that could not be asked, with the reason. */
export function byItsFiles({ timeline, endLsn }: RecoveryState, unasked: string): Recovered {
  return withoutUndefined({ inRecovery: false, replayPaused: false, replayLsn: endLsn, timeline, unasked });
}
