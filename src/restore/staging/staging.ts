import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { readControl } from '../../cluster/read-control-file.ts';
import { digestBlock } from '../../cluster/written-settings.ts';
import { decodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import { isVacant, putGuard, removeGuard } from '../../tree/exchange/guard.ts';
import { type Journal, readJournal, writeJournal } from '../../tree/exchange/journal.ts';
import { settleSwap, swapBack } from '../../tree/exchange/swap.ts';
import { makeUnstartable, wipePlace } from '../../tree/exchange/wipe.ts';
import { demandRoots } from '../../tree/places/demand-places.ts';
import {
  heldControlFile,
  incomingDir,
  type Owner,
  originalsFile,
  type Place,
  previousDir,
  restoreCommandFile,
  spoolDir,
} from '../../tree/places/place.ts';
import type { LaidDown, LayDownJob } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { clearAway, noteDiscarding } from '../volume/clear-away.ts';
import { demandNoServer } from '../volume/demand-no-server.ts';
import { lookAtVolume } from '../volume/look-at-volume.ts';
import { demandOwnRun } from '../volume/own-run.ts';
import { refusedRestore, refusedWipe } from '../volume/refused-restore.ts';
import { exchangesFirst, TRANSITIONS } from '../volume/transitions.ts';
import { readSignalMark } from '../volume/used-since.ts';

/** The staging directories of one run, and what of an interrupted one they hold already. */
export interface Staging {
  /** Files of an interrupted run are there: compare before writing. */
  readonly resuming: boolean;
  /** Whether a unit was laid down whole by the interrupted run, and nothing of it can have been lost since. */
  isFinished(key: string): boolean;
  /** Notes in the journal that a unit is whole. Units are large, so there are few such notes. */
  finishUnit(key: string): void;
  /** Whether what the spool holds can be relied upon. */
  readonly spoolReusable: boolean;
  /** What there is to go back to after the exchange. */
  readonly oldData: NonNullable<LaidDown['oldData']>;
  /** Notes that everything is in place for the swap. */
  complete(): void;
  /** Notes that not all writes have reached the disk, so that no later run builds on them. */
  distrust(): void;
}

/**
 * Brings the places to a definite start. Settles an interrupted swap, and takes back a restore that did not end well.
 * Keeps staged files only if this very job laid them down; `fresh` keeps none. `wipe` deletes the old content first.
 */
export function prepareStaging(job: LayDownJob): Staging {
  const { pgdata } = job.places;
  const fingerprint = fingerprintOf(job);
  const old = settleOld(job);
  const resuming = !job.run.fresh && old?.fingerprint === fingerprint;
  const { runId } = job.places;
  // What an earlier run has left is this one's from now on, to remove or to go on from.
  if (old && runId !== undefined) old.runId = runId;
  // Before the first file goes: what is half removed must not be taken for whole by a later run.
  if (old && !resuming) {
    noteDiscarding(pgdata.odoDir, old);
    for (const place of old.places) removeStaged(place);
  }
  const places = placesOf(job.places);
  for (const place of places) {
    if (!resuming) removeStaged(place);
    makeOwnedDirectory(place.root, job.owner);
    makeOwnedDirectory(place.odoDir, job.owner);
    makeOwnedDirectory(incomingDir(place), job.owner);
    // ODO's own folders: an interrupted run may have made them for another owner, or not have come so far as to give
    // them theirs.
    for (const own of [place.odoDir, incomingDir(place)]) {
      if (process.getuid?.() === 0 && job.owner) fs.chownSync(own, job.owner.uid, job.owner.gid);
    }
  }
  const bootId = currentBootId();
  const intact = resuming && old !== undefined && isOfThisBoot(old);
  const wipes = job.oldData.wipe || old?.wiping === true;
  const guarded = wipes || isVacant(pgdata.root);
  if (wipes) demandNoServer(pgdata, job.oldData);
  const lastTimeline = lastTimelineOf(job);
  const journal: Journal = {
    version: 1,
    state: 'laying-down',
    backupId: job.backup.id,
    startedAt: new Date().toISOString(),
    places,
    ...(runId === undefined ? {} : { runId }),
    fingerprint,
    finishedParts: intact ? (old?.finishedParts ?? []) : [],
    ...(bootId === undefined ? {} : { bootId }),
    ...(job.oldData.keptBecause === undefined ? {} : { keptBecause: job.oldData.keptBecause }),
    ...(job.oldData.allowDifferentCluster ? { allowDifferentCluster: true } : {}),
    ...(job.recovery.awaitsPromotion ? { awaitsPromotion: job.recovery.awaitsPromotion } : {}),
    ...(lastTimeline === undefined ? {} : { lastTimeline }),
    ...(wipes || (old?.wiped && guarded) ? { wiped: true } : {}),
    ...(wipes ? { wiping: true } : {}),
    ...(guarded ? { guarded: true } : {}),
  };
  writeJournal(pgdata.odoDir, journal);
  // The guard takes the place of a file that the old server needs, so the old server must not be able to start by then.
  if (wipes) makeUnstartable(pgdata);
  if (guarded) putGuard(pgdata.root, job.server.postgresMajor ?? job.backup.postgresMajor, job.owner);
  if (wipes) {
    for (const place of places) wipePlace(place);
    delete journal.wiping;
    writeJournal(pgdata.odoDir, journal);
  }
  return {
    resuming,
    isFinished: (key) => journal.finishedParts?.includes(key) ?? false,
    finishUnit(key) {
      journal.finishedParts = [...(journal.finishedParts ?? []), key];
      writeJournal(pgdata.odoDir, journal);
    },
    spoolReusable: intact,
    oldData: journal.wiped ? 'deleted' : guarded ? 'none' : 'kept',
    complete() {
      journal.state = 'staged';
      Object.assign(journal, describeStaged(incomingDir(pgdata)));
      writeJournal(pgdata.odoDir, journal);
    },
    distrust() {
      delete journal.fingerprint;
      delete journal.finishedParts;
      try {
        writeJournal(pgdata.odoDir, journal);
      } catch {
        // The disk takes nothing more. Parts were noted only once they were on it.
      }
    },
  };
}

/**
 * What later tells the restored server's own doing: the mark of its signal file, its checkpoint, and the settings that
 * ODO gave it.
 */
function describeStaged(incoming: string): Pick<Journal, 'recoverySettings' | 'signalMark' | 'stagedCheckpointLsn'> {
  const control = readControl(incoming);
  const autoConf = path.join(incoming, 'postgresql.auto.conf');
  const mark = readSignalMark(incoming);
  return {
    ...(mark === undefined ? {} : { signalMark: mark }),
    ...(control ? { stagedCheckpointLsn: control.checkpointLsn } : {}),
    ...(fs.existsSync(autoConf)
      ? { recoverySettings: digestBlock(decodeConfiguration(fs.readFileSync(autoConf))) }
      : {}),
  };
}

function lastTimelineOf({ wal, backup }: LayDownJob): number | undefined {
  const spans = wal.source === 'archive' ? wal.spans.map(({ timeline }) => timeline) : [];
  const known = [...spans, ...(backup.timeline === undefined ? [] : [backup.timeline])];
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** Removes what a restore that did not reach the swap has written. A guard stays where the old data was deleted. */
export function discardStaging(places: ClusterPlaces): void {
  const { pgdata } = places;
  const journal = readJournal(pgdata.odoDir);
  if (!journal) return;
  demandOwnRun(places, journal);
  settleSwap(pgdata.odoDir, journal);
  if (journal.state !== 'staged' && journal.state !== 'laying-down') return;
  noteDiscarding(pgdata.odoDir, journal);
  clearAway(journal.places);
  if (!journal.wiped) removeGuard(pgdata.root, { isKnown: journal.guarded === true });
}

export function placesOf(places: ClusterPlaces): Place[] {
  return [places.pgdata, ...places.tablespaces.map(({ place }) => place)];
}

/** Ends what an earlier run began; gives its journal if staged files of it are there. */
function settleOld(job: LayDownJob): Journal | undefined {
  const { pgdata } = job.places;
  const seen = lookAtVolume(pgdata);
  const { journal, situation } = seen;
  if (TRANSITIONS[situation].restore === 'refuse') throw refusedRestore(pgdata, situation, journal?.keptBecause);
  if (job.oldData.wipe && TRANSITIONS[situation].wipes === 'refuse') throw refusedWipe(pgdata);
  if (!journal) return undefined;
  if (exchangesFirst(situation)) demandNoServer(pgdata, job.oldData);
  switch (TRANSITIONS[situation].restore) {
    case 'begin':
    case 'resume':
      return journal;
    case 'settle':
      settleSwap(pgdata.odoDir, journal);
      return settleOld(job);
    case 'take-back':
      swapBack(pgdata.odoDir, journal);
      // A server has changed what came back from the swap, so no run may build on it.
      return { ...journal, fingerprint: '' };
    case 'finish-clearing':
      demandRoots(journal.places);
      // Not the whole folder: it holds the lock of this run.
      for (const place of journal.places) {
        fs.rmSync(previousDir(place), { recursive: true, force: true });
        removeStaged(place);
      }
      return undefined;
    default:
      // The deed is `adopt`.
      for (const place of journal.places) removeStaged(place);
      return undefined;
  }
}

/**
 * A digest of everything that decides which bytes are staged. Credentials and addresses do not. ODO's own settings do
 * not either, since they are written anew each time.
 */
function fingerprintOf({ repository, backup, content, places, owner, configuration, recovery }: LayDownJob): string {
  // The run's id does not count.
  const { runId: _own, ...fixed } = places;
  const { replacementConf, settings, hbaConf, keepArchiving, keepSettings } = configuration;
  const { unattended, standby } = recovery;
  // How a standby reaches its primary is written anew, too. It may hold a password, and not even a digest of that is
  // left behind.
  const isStandby = standby !== undefined;
  const { secrets: _secret, ...where } = repository;
  const configured = [replacementConf, settings, hbaConf, keepArchiving, keepSettings];
  const facts = [where, backup, content, fixed, owner, configured, unattended, isStandby];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

/**
 * Whether the staged files were written since the machine was started, so that they cannot have been lost with its
 * power.
 */
export function isOfThisBoot(journal: Journal): boolean {
  return journal.bootId !== undefined && journal.bootId === currentBootId();
}

/** The id of this boot of Linux. Elsewhere nothing is known, and nothing is relied upon. */
function currentBootId(): string | undefined {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Creates a directory with its parents; those that are new get the owner and 0700, as the server wants them. */
export function makeOwnedDirectory(directory: string, owner: Owner | undefined): void {
  if (fs.existsSync(directory)) return;
  makeOwnedDirectory(path.dirname(directory), owner);
  fs.mkdirSync(directory, { mode: 0o700 });
  if (process.getuid?.() === 0 && owner) fs.chownSync(directory, owner.uid, owner.gid);
}

function removeStaged(place: Place): void {
  const staged = [
    incomingDir(place),
    heldControlFile(place),
    originalsFile(place),
    spoolDir(place),
    restoreCommandFile(place),
  ];
  for (const leftover of staged) fs.rmSync(leftover, { recursive: true, force: true });
}
