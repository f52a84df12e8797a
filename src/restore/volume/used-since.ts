import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import { readControl } from '../../cluster/read-control-file.ts';
import { parseLsn } from '../../postgres/terms/wal-names.ts';
import type { Journal } from '../../tree/exchange/journal.ts';
import type { Use } from '../../tree/exchange/probe.ts';
import type { Place } from '../../tree/places/place.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';

/**
 * States of a server that is out of recovery. A backup of a running server also has the first one, until a server
 * starts on it.
 */
const OUT_OF_RECOVERY = new Set(['in production', 'shutting down', 'shut down']);

const SIGNAL_FILES = ['recovery.signal', 'standby.signal'];

/**
 * The text in the signal file of a restored server. No server reads it, and the end of recovery removes the file. A
 * file that somebody puts there later, to make a standby, has another text.
 */
export function signalMark({ backup }: Pick<LayDownJob, 'backup'>): string {
  return `odo: restored from backup ${backup.id}\n`;
}

/** The mark in the signal file of a staged directory; undefined when it has none. */
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
 * Whether the restored server has been out of recovery since the exchange, so that it may hold data of its own. A
 * signal file alone does not prove that it has not: somebody may have put it there since, to make a standby.
 */
export function usedSinceExchange({ root }: Place, journal: Journal | undefined): boolean {
  if (journal?.state !== 'swapped') return false;
  if (journal.finished || !isInRecovery(root)) return true;
  if (journal.signalMark !== undefined) return !signalsIn(root).includes(journal.signalMark);
  // An older ODO left no mark, so pg_control has to tell.
  const control = readControl(root);
  if (!control) return false;
  const { stagedCheckpointLsn, lastTimeline, awaitsPromotion } = journal;
  const hasRun = stagedCheckpointLsn !== undefined && control.checkpointLsn !== stagedCheckpointLsn;
  if (hasRun && OUT_OF_RECOVERY.has(control.state)) return true;
  // A standby may follow its primary to any timeline.
  return lastTimeline !== undefined && !awaitsPromotion?.isStandby && control.timeline > lastTimeline;
}

/** Whether a server that is started on the directory would begin with recovery. */
export function isInRecovery(root: string): boolean {
  return SIGNAL_FILES.some((name) => fs.existsSync(path.join(root, name)));
}

/** What can be told of the restored server's use without asking it. */
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
