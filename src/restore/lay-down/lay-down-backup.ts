import { cancelled } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import type { BackupFacts } from '../../formats/contract/format.ts';
import { openContent, openWalArchive } from '../../formats/registry/registry.ts';
import { createTally, type Tally, type Totals } from '../../progress/tally.ts';
import { tellRetries } from '../../progress/tell-retries.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { RenewableKeys } from '../../store/objects/store-keys.ts';
import { type Lock, takeLock } from '../../tree/exchange/lock.ts';
import { isReadOnly, translateFsError } from '../../tree/places/fs-errors.ts';
import { incomingDir, salvageDir, spoolDir } from '../../tree/places/place.ts';
import { createRooms, type RoomOf } from '../../tree/writing/room.ts';
import type { WriteBack } from '../../tree/writing/write-back.ts';
import { fillSpool } from '../../wal/feed/fill-spool.ts';
import { withSalvage } from '../../wal/salvage/salvage-archive.ts';
import type { LaidDown, LayDownJob } from '../contract/lay-down-job.ts';
import { isFed } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { completeStaging } from '../staging/complete-staging.ts';
import { makeOwnedDirectory, placesOf, prepareStaging, type Staging } from '../staging/staging.ts';
import { type Feeding, startFeeding } from './feed-wal.ts';
import { layDownContent } from './lay-down.ts';
import { putStaleSalvageAway } from './take-salvage.ts';
import { verifyStaged } from './verify-cluster.ts';

/**
 * Fills `incoming` and the spool, so that only the exchange is left to do: the parts, the WAL (or a head start of it,
 * when it is fed), what recovery needs, and the flush to disk.
 */
export async function layDownBackup(
  job: LayDownJob,
  keys: RenewableKeys,
  report: Report,
  cancelling: AbortSignal,
  onFeeding: (feeding: Feeding) => void,
  writeBack: WriteBack,
): Promise<LaidDown> {
  const { odoDir } = job.places.pgdata;
  let lock: Lock | undefined;
  let staging: Staging | undefined;
  const roomOf = createRooms({ besideServer: job.run.besideServer === true });
  const fault = new AbortController();
  const signal = AbortSignal.any([cancelling, fault.signal]);
  try {
    makeOwnedDirectory(job.places.pgdata.root, job.owner);
    makeOwnedDirectory(odoDir, job.owner);
    lock = await takeLock(odoDir);
    if (job.recovery.salvage?.isLater !== false) putStaleSalvageAway(job.places.pgdata);
    const prepared = prepareStaging(job);
    staging = prepared;
    const feeding = isFed(job)
      ? startFeeding(job, keys, { reuse: prepared.spoolReusable, inUse: false }, report, roomOf)
      : undefined;
    if (feeding) onFeeding(feeding);
    feeding?.over.catch((error: unknown) => fault.abort(error));
    const { store } = openStore(job.store, keys);
    store.onRetry = tellRetries(report);
    try {
      const { tally: parts, noted } = await inPhase(report, 'lay-down', async () => {
        const content = await openContent(store, job.repository, job.backup, job.content.digest, signal);
        const tally = createTally('lay-down', totalsOf(job.backup), report);
        const done = await layDownContent(job, content, store, prepared, tally, report, signal, writeBack, roomOf);
        return { tally, ...done };
      });
      feeding?.takeAllConnections();
      const wal = await inPhase(report, 'wal', () =>
        feeding ? untilFed(feeding, signal) : fetchWal(job, store, prepared, report, signal, roomOf),
      );
      // The WAL's phase is over. Whoever follows the recovery asks for progress again.
      feeding?.tellTo((event) => event.type !== 'progress' && report(event));
      const overridden = completeStaging(job);
      for (const message of overridden) report({ type: 'note', level: 'info', message });
      const verified =
        job.run.verify === 'full'
          ? await inPhase(report, 'verify', () => verifyStaged(job, report, signal))
          : undefined;
      if (job.run.sync) await inPhase(report, 'sync', () => writeBack.flush(treesOf(job.places)));
      await noted;
      if (signal.aborted) throw cancelled(signal.reason);
      prepared.complete();
      return { ...laidDown(parts, wal), overridden, oldData: prepared.oldData, ...(verified ? { verified } : {}) };
    } finally {
      store.close();
    }
  } catch (thrown) {
    const error = isReadOnly(thrown) ? await reasonOf(thrown, writeBack) : thrown;
    if (writeBack.hasFailed) staging?.distrust();
    throw translateFsError(error, odoDir);
  } finally {
    lock?.release();
  }
}

/** @param wal tally of the fetched WAL; undefined when WAL is fed, which has only begun */
function laidDown(parts: Tally, wal: Tally | undefined): Omit<LaidDown, 'overridden'> {
  return {
    readBytes: parts.done.readBytes + (wal?.done.readBytes ?? 0),
    writtenBytes: parts.done.writtenBytes + (wal?.done.writtenBytes ?? 0),
    files: parts.done.files,
    walSegments: wal?.done.segments ?? 0,
    reusedBytes: parts.done.reusedBytes,
    reusedParts: parts.done.reusedParts,
    reusedSegments: wal?.done.reusedSegments ?? 0,
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
  roomOf: RoomOf,
): Promise<Tally> {
  const totals =
    job.wal.source === 'archive' ? { totalBytes: job.wal.storedBytes, totalSegments: job.wal.segments } : {};
  const tally = createTally('wal', totals, report);
  const common = {
    store,
    spool: spoolDir(job.places.pgdata),
    owner: job.owner,
    reuse: staging.spoolReusable,
    roomOf,
    tally,
    signal,
  };
  if (job.wal.source === 'archive') {
    const { postgresMajor, systemIdentifier } = job.backup;
    const archive = await openWalArchive(store, job.repository);
    await fillSpool({
      ...common,
      ...(archive && job.recovery.salvage ? withSalvage(archive, store, salvageDir(job.places.pgdata)) : { archive }),
      plan: job.wal,
      cluster: { postgresMajor, systemIdentifier },
    });
  } else {
    await fillSpool(common);
  }
  return tally;
}

/**
 * A file system makes itself read-only when its disk fails. The flush tells of the failed disk; a later write does not.
 */
function reasonOf(thrown: unknown, writeBack: WriteBack): Promise<unknown> {
  return writeBack.flush().then(
    () => thrown,
    (told: unknown) => told,
  );
}

/** All that was written before the exchange. */
function treesOf(places: ClusterPlaces): string[] {
  return [...placesOf(places).map(incomingDir), spoolDir(places.pgdata)];
}

function totalsOf({ storedBytes, restoredBytes, restoredFiles }: BackupFacts): Totals {
  return {
    ...(storedBytes === undefined ? {} : { totalBytes: storedBytes }),
    ...(restoredBytes === undefined ? {} : { totalWrittenBytes: restoredBytes }),
    ...(restoredFiles === undefined ? {} : { totalFiles: restoredFiles }),
  };
}
