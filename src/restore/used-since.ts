import fs from 'node:fs';
import path from 'node:path';
import { parseLsn } from '../postgres/wal-names.ts';
import type { Journal } from '../target/journal.ts';
import type { Place } from '../target/place.ts';
import type { Use } from '../target/probe.ts';
import { CONTROL_FILE } from './base-members.ts';
import type { LayDownJob } from './engine.ts';
import { readControl } from './read-control-file.ts';

/** States of a server that is out of recovery; a backup of a running one has the first of them, until a server starts on it. */
const OUT_OF_RECOVERY = new Set(['in production', 'shutting down', 'shut down']);

const SIGNAL_FILES = ['recovery.signal', 'standby.signal'];

/**
 * What stands in the signal file of a restored server. No server reads it, and the end of recovery removes the file; one that somebody puts there
 * later, to make a standby of it, does not say the same.
 */
export function signalMark({ backup }: Pick<LayDownJob, 'backup'>): string {
  return `odo: restored from backup ${backup.id}\n`;
}

/** The mark of what is staged; undefined where it has none. */
export function readSignalMark(root: string): string | undefined {
  return signalsIn(root).find((text) => text !== '');
}

function signalsIn(root: string): string[] {
  const files = SIGNAL_FILES.map((name) => path.join(root, name));
  return files
    .filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile())
    .map((file) => fs.readFileSync(file, 'utf8'));
}

/**
 * Whether the restored server has been out of recovery since the exchange, so that it may hold data of its own. A signal file alone does not tell
 * that it has not: somebody may have put it there since, to make a standby of it.
 */
export function usedSinceExchange({ root }: Place, journal: Journal | undefined): boolean {
  if (journal?.state !== 'swapped') return false;
  if (journal.finished || !isInRecovery(root)) return true;
  if (journal.signalMark !== undefined) return !signalsIn(root).includes(journal.signalMark);
  // Of an older ODO there is no mark, and pg_control has to tell.
  const control = readControl(root);
  if (!control) return false;
  const { stagedCheckpointLsn, lastTimeline, awaitsPromotion } = journal;
  const hasRun = stagedCheckpointLsn !== undefined && control.checkpointLsn !== stagedCheckpointLsn;
  if (hasRun && OUT_OF_RECOVERY.has(control.state)) return true;
  // A standby may follow its primary to any timeline.
  return lastTimeline !== undefined && !awaitsPromotion?.isStandby && control.timeline > lastTimeline;
}

/** Whether a server that is started on it would begin with recovery. */
export function isInRecovery(root: string): boolean {
  return SIGNAL_FILES.some((name) => fs.existsSync(path.join(root, name)));
}

/** What can be told of the use without asking the server. */
export function useSince({ root }: Place, { finished, setAsideAt, isRollbackTold }: Journal): Use {
  const stat = fs.statSync(path.join(root, CONTROL_FILE), { throwIfNoEntry: false });
  const now = readControl(root)?.checkpointLsn;
  const writtenBytes =
    finished?.lsn === undefined || now === undefined ? undefined : Number(parseLsn(now) - parseLsn(finished.lsn));
  return {
    ...(finished ? { finished } : {}),
    ...(setAsideAt && !isRollbackTold ? { isRollbackOpen: true } : {}),
    ...(writtenBytes !== undefined && writtenBytes >= 0 ? { writtenBytes } : {}),
    ...(stat ? { lastCheckpointAt: stat.mtime.toISOString() } : {}),
  };
}
