import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import { writeFileDurably } from './durable.ts';
import { demandHeld } from './lock.ts';
import type { Place } from './place.ts';

/**
 * How far a restore got with the directories it fills, so that the next run can tell after a crash.
 * laying-down: the old content is in place, incoming is unfinished · staged: incoming is complete ·
 * moving-out: old content is on its way to previous · moving-in: all old content is in previous, new content on its way in ·
 * swapped: the new content is in place, the old in previous · moving-back: a rollback is moving the new content out again ·
 * setting-aside: the old content is back in place, and what was there becomes `previous` ·
 * clearing: the new content is proven, and the old is being deleted, so that there is no way back to it any more
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

/** What was decided beforehand of a restore that ends with a promotion later. */
export interface AwaitedPromotion {
  /** Where it waits, in words. */
  target: string;
  /** It does not wait at a target, but follows what it is given. */
  isStandby?: boolean;
  keepPrevious: boolean;
  /** The old data goes even where it holds what no archive has. */
  acceptLoss?: boolean;
  /** What becomes of archiving is settled by the user's own configuration. */
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

/** A recovery setting as ODO wrote it: the digest tells its value again without telling it to anybody. */
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
  /** The run that has staged it, by a random name: no other one exchanges it, or finishes or discards it as its own. */
  runId?: string;
  /** Of what is being laid down, and how: only a run with the same one may build on it. */
  fingerprint?: string;
  /** Which boot of the machine wrote the staged files: after another one, what was not flushed may be gone. */
  bootId?: string;
  /** Keys of the parts that are laid down whole. */
  finishedParts?: string[];
  /** The restored server is to wait at its target; what its promotion has to know then. */
  awaitsPromotion?: AwaitedPromotion;
  /** The old content was deleted beforehand (--wipe): there is nothing to go back to. */
  wiped?: boolean;
  /** That deletion has not come to its end; it has not even begun as long as pg_control is in place. */
  wiping?: boolean;
  /** Nothing but a guard against initdb stood in PGDATA before, see guard.ts. */
  guarded?: boolean;
  /** The staged files are being removed: nobody may build on them. */
  discarding?: boolean;
  /** ODO's recovery settings in postgresql.auto.conf, to be found again when their marker lines are gone. */
  recoverySettings?: WrittenSetting[];
  /** The checkpoint in pg_control when it was exchanged in: another one is a server's doing. */
  stagedCheckpointLsn?: string;
  /** What stands in the signal file that was exchanged in: as long as one says so, no server has come out of recovery. */
  signalMark?: string;
  /** The newest timeline that recovery can lead to: one above it begins with a promotion. */
  lastTimeline?: number;
  /** From then on the data of the restored server is its own, whichever signal files lie there later. */
  finished?: Finished;
  /** At its end the old data was kept, and looked at for what nothing else has, unless that was given up. */
  isOldDataJudged?: boolean;
  /** The old data goes in the end also where it is of another cluster. */
  allowDifferentCluster?: boolean;
  /** It is the only copy of something, and of what. */
  keptBecause?: string;
  /** A rollback is under way that keeps what is in place: it becomes `previous`. */
  settingAside?: boolean;
  /** When a rollback has exchanged the two contents last (ISO 8601). */
  setAsideAt?: string;
  /** Whoever gave that rollback has been told of its end. */
  isRollbackTold?: boolean;
  /** A rollback has put the old content back, and `previous` holds what was restored. */
  rolledBack?: boolean;
}

/** The journal lies in PGDATA's own ODO folder, whichever other places it speaks of. */
export function journalFile(odoDir: string): string {
  return path.join(odoDir, 'journal.json');
}

/** undefined when there is none: no restore is under way. A journal that cannot be understood is an error, never "none". */
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
    // falls through to the error below
  }
  throw new OdoError('unsafeTarget', `the journal ${file} cannot be understood`, {
    hint: `it was written by another version of ODO or damaged; look into ${odoDir} before removing it`,
  });
}

/** Whatever is exchanged or deleted is noted first; so this is where a run hears that its lock is another's by now (`unsafeTarget`). */
export function writeJournal(odoDir: string, journal: Journal): void {
  demandHeld(odoDir);
  writeFileDurably(journalFile(odoDir), journalText(journal));
}

export function journalText(journal: Journal): string {
  return `${JSON.stringify(journal, null, 2)}\n`;
}
