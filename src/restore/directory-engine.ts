import fs from 'node:fs';
import path from 'node:path';
import { cancelled, OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import type { Backup } from '../formats/format.ts';
import { openWalArchive } from '../formats/registry.ts';
import { addArchiveOff, blockTurnsArchivingOff, removeBlock } from '../postgres/recovery-settings.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { openStore } from '../store/open.ts';
import { syncFileSystem, writeFileDurably } from '../target/durable.ts';
import { translateFsError } from '../target/fs-errors.ts';
import { readJournal, writeJournal } from '../target/journal.ts';
import { type Lock, takeLock } from '../target/lock.ts';
import { type Place, previousDir, restoreCommandFile, spoolDir } from '../target/place.ts';
import { settleSwap, swap, swapBack } from '../target/swap.ts';
import { fillSpool } from '../wal/fill-spool.ts';
import { clearAway, hasPrevious } from './clear-away.ts';
import { completeStaging } from './complete-staging.ts';
import type { Engine, FinishOptions, LaidDown, LayDownJob, Target } from './engine.ts';
import { type Feeding, isFed, startFeeding } from './feed-wal.ts';
import { layDownParts } from './lay-down.ts';
import { probeTarget } from './probe-target.ts';
import { discardStaging, isOfThisBoot, makeOwnedDirectory, placesOf, prepareStaging, type Staging } from './staging.ts';
import { statusOf } from './status.ts';
import { createTally, type Tally, type Totals } from './tally.ts';
import { tellRetries } from './tell-retries.ts';
import { recheckPages, verifyStaged } from './verify-cluster.ts';

/** The engine that works on directories of this machine (or of the container that it runs in). */
export function createDirectoryEngine(): Engine {
  /** By ODO's folder, from the laying down to the end of the restore. */
  const feedings = new Map<string, Feeding>();

  async function stopFeeding({ odoDir }: Place): Promise<void> {
    await feedings.get(odoDir)?.stop();
    feedings.delete(odoDir);
  }

  /** What ends a restore takes the spool away, so nobody may be writing to it. */
  async function ending<T>(target: Target, work: () => T): Promise<T> {
    await stopFeeding(target.pgdata);
    return locked(target, work);
  }

  return {
    probe: async (target, options) => probeTarget(target, options),
    status: async (target) => statusOf(target.pgdata),
    async layDown(job, report, signal) {
      const { pgdata } = job.target;
      await stopFeeding(pgdata);
      try {
        return await layDown(job, report, signal, (feeding) => feedings.set(pgdata.odoDir, feeding));
      } catch (error) {
        const failure = feedings.get(pgdata.odoDir)?.failure();
        await stopFeeding(pgdata);
        throw failure ?? error;
      }
    },
    async feed(job, report, signal) {
      const { odoDir } = job.target.pgdata;
      const feeding = feedings.get(odoDir) ?? feedAgain(job, report);
      feedings.set(odoDir, feeding);
      feeding.tellTo(asRecovery(report));
      const stop = () => void feeding.stop();
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      try {
        await feeding.over;
      } finally {
        signal.removeEventListener('abort', stop);
      }
      return feeding.total();
    },
    swap: (target) => locked(target, () => exchange(target)),
    rollback: (target) => ending(target, () => rollback(target)),
    recheckPages: async (target, suspects) => recheckPages(target, suspects),
    clean: (target) => ending(target, () => clean(target)),
    finish: (options) => ending(options.target, () => finish(options)),
    discard: (target) => ending(target, () => discardStaging(target)),
    async close() {
      await Promise.all([...feedings.values()].map((feeding) => feeding.stop()));
    },
  };
}

/** For a server in the middle of its recovery, whose feeder has died: what its spool holds is what that one has given it. */
function feedAgain(job: LayDownJob, report: Report): Feeding {
  const journal = readJournal(job.target.pgdata.odoDir);
  if (!isFed(job) || journal?.state !== 'swapped') throw new OdoError('bug', 'there is no recovery to fetch WAL for');
  return startFeeding(job, { reuse: isOfThisBoot(journal), inUse: true }, report);
}

/** After the exchange, fetching is a part of the recovery. */
function asRecovery(report: Report): Report {
  return (event) => report(event.type === 'progress' && event.phase === 'wal' ? { ...event, phase: 'recover' } : event);
}

/** What another run is at work on must not be moved or removed under it. */
async function locked<T>({ pgdata }: Target, work: () => T): Promise<T> {
  if (!fs.existsSync(pgdata.odoDir)) return work();
  const lock = await takeLock(pgdata.odoDir).catch((error: unknown) => {
    // A full disk must not keep anything from being removed.
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return undefined;
    throw error;
  });
  try {
    return work();
  } catch (error) {
    throw translateFsError(error, pgdata.odoDir);
  } finally {
    lock?.release();
  }
}

async function layDown(
  job: LayDownJob,
  report: Report,
  cancelling: AbortSignal,
  onFeeding: (feeding: Feeding) => void,
): Promise<LaidDown> {
  const { odoDir } = job.target.pgdata;
  let lock: Lock | undefined;
  const fault = new AbortController();
  const signal = AbortSignal.any([cancelling, fault.signal]);
  try {
    makeOwnedDirectory(job.target.pgdata.root, job.owner);
    makeOwnedDirectory(odoDir, job.owner);
    lock = await takeLock(odoDir);
    const staging = prepareStaging(job);
    const feeding = isFed(job) ? startFeeding(job, { reuse: staging.spoolReusable, inUse: false }, report) : undefined;
    if (feeding) onFeeding(feeding);
    feeding?.over.catch((error: unknown) => fault.abort(error));
    const { store } = openStore(job.store);
    store.onRetry = tellRetries(report);
    try {
      const parts = await inPhase(report, 'lay-down', async () => {
        const tally = createTally('lay-down', totalsOf(job.backup), report);
        await layDownParts(job, store, staging, tally, report, signal);
        return tally;
      });
      feeding?.takeAllConnections();
      const wal = await inPhase(report, 'wal', () =>
        feeding ? untilFed(feeding, signal) : fetchWal(job, store, staging, report, signal),
      );
      // That phase is over, and who follows the recovery will ask.
      feeding?.tellTo((event) => event.type !== 'progress' && report(event));
      const overridden = completeStaging(job);
      for (const message of overridden) report({ type: 'note', level: 'info', message });
      const verified =
        job.verify === 'full' ? await inPhase(report, 'verify', () => verifyStaged(job, report, signal)) : undefined;
      if (job.sync) await inPhase(report, 'sync', () => syncAll(job.target));
      if (signal.aborted) throw cancelled(signal.reason);
      staging.complete();
      return { ...laidDown(parts, wal), overridden, ...(verified ? { verified } : {}) };
    } finally {
      store.close();
    }
  } catch (error) {
    throw translateFsError(error, odoDir);
  } finally {
    lock?.release();
  }
}

/** @param wal what was fetched of it, unless it is fed, which has only begun */
function laidDown(parts: Tally, wal: Tally | undefined): Omit<LaidDown, 'overridden'> {
  return {
    readBytes: parts.readBytes + (wal?.readBytes ?? 0),
    writtenBytes: parts.writtenBytes + (wal?.writtenBytes ?? 0),
    files: parts.fileCount,
    walSegments: wal?.segmentCount ?? 0,
    reusedBytes: parts.reusedBytes,
    reusedParts: parts.reusedPartCount,
    reusedSegments: wal?.reusedSegmentCount ?? 0,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function untilFed(feeding: Feeding, signal: AbortSignal): Promise<undefined> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(cancelled(signal.reason));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await Promise.race([feeding.headStart(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return undefined;
}

async function fetchWal(
  job: LayDownJob,
  store: ObjectStore,
  staging: Staging,
  report: Report,
  signal: AbortSignal,
): Promise<Tally> {
  const totals = job.wal.source === 'archive' ? { totalBytes: job.wal.storedBytes, totalSegments: job.wal.segments } : {};
  const tally = createTally('wal', totals, report);
  const common = { store, spool: spoolDir(job.target.pgdata), owner: job.owner, reuse: staging.spoolReusable, tally, signal };
  if (job.wal.source === 'archive') {
    const { postgresMajor, systemIdentifier } = job.backup;
    await fillSpool({
      ...common,
      archive: openWalArchive(store, job.repository),
      plan: job.wal,
      cluster: { postgresMajor, systemIdentifier },
    });
  } else {
    await fillSpool(common);
  }
  return tally;
}

async function syncAll(target: Target): Promise<void> {
  for (const place of placesOf(target)) await syncFileSystem(place.odoDir);
}

/** An exchange that cannot go on is settled at once: the old content is in place again when this throws, the new when it does not. */
function exchange(target: Target): void {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) throw new OdoError('bug', `there is no journal in ${odoDir}`);
  try {
    swap(odoDir, journal);
  } catch (error) {
    settleSwap(odoDir, journal);
    if (journal.state !== 'swapped') throw translateFsError(error, odoDir);
  }
}

function rollback(target: Target): boolean {
  const { odoDir } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal || journal.state === 'clearing' || journal.wiped) return false;
  // On a full disk the journal needs the room; what goes back needs no WAL of ours.
  if (journal.places.some(hasPrevious)) fs.rmSync(spoolDir(target.pgdata), { recursive: true, force: true });
  const wasDisplaced = journal.state === 'moving-out' || journal.state === 'moving-back';
  settleSwap(odoDir, journal);
  const isSwapped = journal.state === 'swapped';
  // A restore into an empty place has nothing to go back to, and what it restored may be all there is.
  if (isSwapped && !journal.places.some(hasPrevious)) return false;
  swapBack(odoDir, journal);
  clearAway(journal.places);
  return wasDisplaced || isSwapped;
}

/** Removes staged files and old content. A restored server that has not recovered yet keeps its way back. */
function clean(target: Target): void {
  const { odoDir, root } = target.pgdata;
  const journal = readJournal(odoDir);
  if (!journal) return;
  if (journal.state !== 'clearing') settleSwap(odoDir, journal);
  const isRestored = journal.state === 'swapped' || journal.state === 'clearing';
  if (journal.state === 'swapped' && isInRecovery(root)) {
    throw new OdoError(
      'unsafeTarget',
      `the server restored to ${root} has not finished its recovery, so the old data may still be needed`,
      {
        hint: 'see the recovery through, or go back with odo rollback',
      },
    );
  }
  // A run that was broken off after the promotion has left its settings. Archiving stays off: nobody was asked about it.
  if (isRestored) takeOutSettings(target.pgdata, 'as-in-recovery');
  clearAway(journal.places);
}

function isInRecovery(root: string): boolean {
  return ['recovery.signal', 'standby.signal'].some((name) => fs.existsSync(path.join(root, name)));
}

function finish(options: FinishOptions): void {
  const { pgdata } = options.target;
  const places = placesOf(options.target);
  const keep = options.keepPrevious && places.some(hasPrevious);
  const journal = readJournal(pgdata.odoDir);
  // From here on there is no way back; a crash in the middle of deleting must not look like a restore to take back.
  if (!keep && journal) writeJournal(pgdata.odoDir, { ...journal, state: 'clearing' });
  if (options.settings !== 'leave') {
    takeOutSettings(pgdata, options.settings === 'remove-but-keep-archiving-off' ? 'off' : 'as-configured');
    fs.rmSync(spoolDir(pgdata), { recursive: true, force: true });
    fs.rmSync(restoreCommandFile(pgdata), { force: true });
  }
  if (keep) return;
  if (options.settings !== 'leave') {
    clearAway(places);
    return;
  }
  for (const place of places) fs.rmSync(previousDir(place), { recursive: true, force: true });
  for (const place of places.slice(1)) fs.rmSync(place.odoDir, { recursive: true, force: true });
  fs.rmSync(path.join(pgdata.odoDir, 'journal.json'), { force: true });
}

function takeOutSettings(pgdata: Place, archiving: 'off' | 'as-configured' | 'as-in-recovery'): void {
  const file = path.join(pgdata.root, 'postgresql.auto.conf');
  const stat = fs.statSync(file);
  const text = fs.readFileSync(file, 'utf8');
  const own = removeBlock(text);
  if (own === text) return;
  const keepOff = archiving === 'off' || (archiving === 'as-in-recovery' && blockTurnsArchivingOff(text));
  writeFileDurably(file, keepOff ? addArchiveOff(own) : own, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
}

function totalsOf({ storedBytes, restoredBytes, restoredFiles }: Backup): Totals {
  return {
    ...(storedBytes === undefined ? {} : { totalBytes: storedBytes }),
    ...(restoredBytes === undefined ? {} : { totalWrittenBytes: restoredBytes }),
    ...(restoredFiles === undefined ? {} : { totalFiles: restoredFiles }),
  };
}
