import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { writeFileDurably } from '../places/durable.ts';
import type { Place } from '../places/place.ts';
import { demandHeld } from './lock.ts';

/**
 * How far a restore got with the directories it fills, so that the next run can tell after a crash.
 * - laying-down: the old content is in place, incoming is unfinished.
 * - staged: incoming is complete.
 * - moving-out: the old content is on its way to previous.
 * - moving-in: all old content is in previous, the new content is on its way in.
 * - swapped: the new content is in place, the old in previous.
 * - moving-back: a rollback is moving the new content out again.
 * - setting-aside: the old content is back in place, and the other content becomes `previous`.
 * - clearing: the new content is proven, and the old is being deleted. There is no way back to it any more.
 */
export type JournalState =
  | 'laying-down'
  | 'staged'
  | 'moving-out'
  | 'moving-in'
  | 'swapped'
  | 'moving-back'
  | 'setting-aside'
  | 'clearing';

const STATES: ReadonlySet<string> = new Set<JournalState>([
  'laying-down',
  'staged',
  'moving-out',
  'moving-in',
  'swapped',
  'moving-back',
  'setting-aside',
  'clearing',
]);

/** Decisions for a restore that ends with a promotion later. */
export interface AwaitedPromotion {
  /** Where the server waits, in words. */
  target: string;
  /** The server does not wait at a target, but follows what it is given. */
  isStandby?: boolean;
  keepPrevious: boolean;
  /** The old data is deleted even where it holds what no archive has. */
  acceptLoss?: boolean;
  /** The user's own configuration settles what becomes of archiving. */
  ownWordOnArchiving: boolean;
  keepArchiving: boolean;
}

/** When a restored server was seen out of recovery, and where it was then. */
export interface Finished {
  /** ISO 8601. */
  at: string;
  timeline?: number;
  /** The last LSN that it had replayed. */
  lsn?: string;
}

/** A recovery setting as ODO wrote it. The digest recognises its value without telling it. */
export interface WrittenSetting {
  name: string;
  digest: string;
}

export interface Journal {
  version: 1;
  state: JournalState;
  backupId: string;
  /** ISO 8601. */
  startedAt: string;
  /** PGDATA first, then the tablespaces. */
  places: Place[];
  /** The random name of the run that staged the files. No other run exchanges, finishes or discards them as its own. */
  runId?: string;
  /** Identifies what is laid down, and how. Only a run with the same fingerprint may build on it. */
  fingerprint?: string;
  /** The boot of the machine that wrote the staged files. After another boot, unflushed files may be gone. */
  bootId?: string;
  /** Keys of the parts that are laid down whole. */
  finishedParts?: string[];
  /** What the later promotion has to know. Present when the restored server is to wait for it. */
  awaitsPromotion?: AwaitedPromotion;
  /** The old content was deleted beforehand (--wipe): there is nothing to go back to. */
  wiped?: boolean;
  /** The deletion of --wipe has not come to its end. As long as pg_control is in place, it has not even begun. */
  wiping?: boolean;
  /** Nothing but a guard against initdb stood in PGDATA before, see guard.ts. */
  guarded?: boolean;
  /** The staged files are being removed: nobody may build on them. */
  discarding?: boolean;
  /** ODO's recovery settings in postgresql.auto.conf, so that they are found even without their marker lines. */
  recoverySettings?: WrittenSetting[];
  /** The checkpoint in pg_control at the exchange. A later one was made by a server. */
  stagedCheckpointLsn?: string;
  /**
   * The text in the signal file that was exchanged in. As long as a signal file has it, no server has come out of
   * recovery.
   */
  signalMark?: string;
  /** The newest timeline that recovery can lead to. A higher one begins with a promotion. */
  lastTimeline?: number;
  /** Once this is set, the restored server has data of its own, whichever signal files lie there later. */
  finished?: Finished;
  /** The finished restore kept the old data. It was looked at for what nothing else has, unless that was given up. */
  isOldDataJudged?: boolean;
  /** The old data is deleted in the end even where it is of another cluster. */
  allowDifferentCluster?: boolean;
  /** Says of what the old data is the only copy. */
  keptBecause?: string;
  /** A rollback is under way that keeps the content in place: it becomes `previous`. */
  settingAside?: boolean;
  /** When a rollback has exchanged the two contents last (ISO 8601). */
  setAsideAt?: string;
  /** The person who gave that rollback has been told of its end. */
  isRollbackTold?: boolean;
  /** A rollback has put the old content back, and `previous` holds the restored content. */
  rolledBack?: boolean;
}

/** The journal's file. It lies in PGDATA's own ODO folder, whichever other places it speaks of. */
export function journalFile(odoDir: string): string {
  return path.join(odoDir, 'journal.json');
}

/**
 * undefined when there is no journal: no restore is under way. A journal that cannot be understood is `unsafeTarget`,
 * never "none".
 */
export function readJournal(odoDir: string): Journal | undefined {
  const file = journalFile(odoDir);
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const journal = JSON.parse(text) as Journal;
    if (journal?.version === 1 && STATES.has(journal.state) && Array.isArray(journal.places)) return journal;
  } catch {
    // Falls through to the error below.
  }
  throw new OdoError('unsafeTarget', `the journal ${file} cannot be understood`, {
    hint: `it was written by another version of ODO or damaged; look into ${odoDir} before removing it`,
  });
}

/**
 * Writes the journal, durably. Every exchange and deletion is noted first, so a run learns here that its lock belongs
 * to another by now (`unsafeTarget`).
 */
export function writeJournal(odoDir: string, journal: Journal): void {
  demandHeld(odoDir);
  writeFileDurably(journalFile(odoDir), journalText(journal));
}

export function journalText(journal: Journal): string {
  return `${JSON.stringify(journal, null, 2)}\n`;
}
