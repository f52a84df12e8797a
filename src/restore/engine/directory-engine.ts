import fs from 'node:fs';
import { readRecoveryState } from '../../cluster/recovery-state.ts';
import { writeAmended } from '../../cluster/write-owned.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { createRenewableKeys, type RenewableKeys } from '../../store/objects/store-keys.ts';
import { loadSyncfs } from '../../stream/native/native.ts';
import { readJournal } from '../../tree/exchange/journal.ts';
import { takeLock } from '../../tree/exchange/lock.ts';
import { isFull, translateFsError } from '../../tree/places/fs-errors.ts';
import type { Place } from '../../tree/places/place.ts';
import { createRooms } from '../../tree/writing/room.ts';
import { tryWriting } from '../../tree/writing/try-writing.ts';
import { NO_WRITE_BACK, openWriteBack, type WriteBack } from '../../tree/writing/write-back.ts';
import type { Engine } from '../contract/engine.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { isFed } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { type Feeding, startFeeding } from '../lay-down/feed-wal.ts';
import { layDownBackup } from '../lay-down/lay-down-backup.ts';
import { takeSalvage } from '../lay-down/take-salvage.ts';
import { recheckPages } from '../lay-down/verify-cluster.ts';
import { archivingConfigured, raiseSettings } from '../staging/raise-settings.ts';
import { amendStaged, readStaged } from '../staging/staged-configuration.ts';
import { discardStaging, isOfThisBoot, placesOf } from '../staging/staging.ts';
import { noteKept } from '../volume/note-kept.ts';
import { demandOwnRun } from '../volume/own-run.ts';
import { probePlaces } from '../volume/probe-places.ts';
import { noteRollbackTold } from '../volume/rollback-told.ts';
import { statusOf } from '../volume/status.ts';
import { surveyOldData } from '../volume/survey-old-data.ts';
import { clean } from './clean-volume.ts';
import { exchange, undoExchange } from './exchange.ts';
import { finish } from './finish-restore.ts';
import { followRound } from './follow-round.ts';
import { rollback } from './go-back.ts';
import { HOST_GONE } from './host-gone.ts';
import { reachStore } from './reach-store.ts';

/** The engine that works on directories of this machine (or of the container that it runs in). */
export function createDirectoryEngine(): Engine {
  /** Feedings by ODO's folder, from the laying down to the end of the restore. */
  const feedings = new Map<string, Feeding>();
  /**
   * Watched writes by ODO's folder, from before the first byte on, so that no error is missed until the old data goes.
   */
  const writeBacks = new Map<string, WriteBack>();
  const keys = createRenewableKeys();

  function takeKeys({ store }: Pick<LayDownJob, 'store'>): void {
    if (store.credentials) keys.renew(store.credentials);
  }

  async function stopFeeding({ odoDir }: Place): Promise<void> {
    await feedings.get(odoDir)?.stop();
    feedings.delete(odoDir);
  }

  function watchWrites(places: ClusterPlaces, sync: boolean): WriteBack {
    const { odoDir } = places.pgdata;
    writeBacks.get(odoDir)?.close();
    const roots = placesOf(places).map(({ root }) => root);
    const opened = sync ? openWriteBack(roots, loadSyncfs()) : NO_WRITE_BACK;
    writeBacks.set(odoDir, opened);
    return opened;
  }

  /** Old data goes only when nothing of what takes its place was lost on its way to the disk. */
  async function demandWritten(places: ClusterPlaces): Promise<void> {
    const writeBack = writeBacks.get(places.pgdata.odoDir) ?? watchWrites(places, true);
    await writeBack.flush();
  }

  /** Runs work that ends a restore. Such work takes the spool away, so feeding is stopped before. */
  async function ending<T>(places: ClusterPlaces, work: () => T | Promise<T>): Promise<T> {
    await stopFeeding(places.pgdata);
    return locked(places, work);
  }

  return {
    probe: async (places, options) => probePlaces(places, options),
    async reach(job, _report, signal) {
      takeKeys(job);
      return reachStore(job, keys, signal);
    },
    async tryWriting(places, owner) {
      for (const place of placesOf(places)) tryWriting(place, owner);
    },
    status: async (places) => statusOf(places.pgdata),
    async layDown(job, report, signal) {
      const { pgdata } = job.places;
      await stopFeeding(pgdata);
      takeKeys(job);
      const writeBack = watchWrites(job.places, job.run.sync);
      const onFeeding = (feeding: Feeding) => feedings.set(pgdata.odoDir, feeding);
      try {
        return await layDownBackup(job, keys, report, signal, onFeeding, writeBack);
      } catch (error) {
        const failure = feedings.get(pgdata.odoDir)?.failure();
        await stopFeeding(pgdata);
        throw failure ?? error;
      }
    },
    async feed(job, report, signal) {
      const { odoDir } = job.places.pgdata;
      takeKeys(job);
      const feeding = feedings.get(odoDir) ?? feedAgain(job, keys, report);
      feedings.set(odoDir, feeding);
      feeding.tellTo(asRecovery(report));
      const stop = () => void feeding.stop({ forAnother: signal.reason === HOST_GONE });
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      try {
        await feeding.over;
      } finally {
        signal.removeEventListener('abort', stop);
      }
      return feeding.total();
    },
    async follow(job, report, signal) {
      takeKeys(job);
      return followRound(job, keys, report, signal);
    },
    async takeSalvage(job, _report, signal) {
      takeKeys(job);
      const survey = await locked(job.places, () => {
        if (job.recovery.salvage?.isLater) demandOwnRun(job.places, readJournal(job.places.pgdata.odoDir));
        return takeSalvage(job, keys, signal);
      });
      feedings.get(job.places.pgdata.odoDir)?.settleEnd();
      return survey;
    },
    staged: async (places) => readStaged(places),
    amend: (places, amendments, owner) =>
      locked(places, () => {
        demandOwnRun(places, readJournal(places.pgdata.odoDir));
        amendStaged(places, amendments, (file, content) => writeAmended(file, content, owner));
      }),
    renewKeys: keys.renew,
    swap: (places, options) =>
      locked(places, async () => {
        await demandWritten(places);
        exchange(places, options);
      }),
    takeBack: (places) => ending(places, () => undoExchange(places)),
    rollback: (places) => ending(places, () => rollback(places)),
    noteRollbackTold: (places) => locked(places, () => noteRollbackTold(places)),
    noteKept: (places, because) => locked(places, () => noteKept(places, because)),
    async recoveryState({ pgdata }, options) {
      const takenSegment = feedings.get(pgdata.odoDir)?.lastTaken();
      return { ...readRecoveryState(pgdata, options), ...(takenSegment === undefined ? {} : { takenSegment }) };
    },
    // Without the lock: an odo follow holds it all the time, and does not touch the configuration.
    raiseSettings: async ({ pgdata }, facts) => raiseSettings(pgdata, facts),
    archivingConfigured: async ({ pgdata }, facts) => archivingConfigured(pgdata, facts),
    surveyOld: ({ pgdata }, question) => surveyOldData(pgdata, question),
    recheckPages: async (places, suspects) => recheckPages(places, suspects),
    clean: (places, options) =>
      ending(places, async () => {
        await demandWritten(places);
        return clean(places, options);
      }),
    finish: (options) =>
      ending(options.places, async () => {
        await demandWritten(options.places);
        return finish(options);
      }),
    discard: (places) => ending(places, () => discardStaging(places)),
    async close(options) {
      await Promise.all([...feedings.values()].map((feeding) => feeding.stop(options)));
      for (const writeBack of writeBacks.values()) writeBack.close();
      writeBacks.clear();
    },
  };
}

/**
 * Feeds a server in the middle of its recovery again, after its feeder has died. The spool holds what the dead feeder
 * has given.
 */
function feedAgain(job: LayDownJob, keys: RenewableKeys, report: Report): Feeding {
  const journal = readJournal(job.places.pgdata.odoDir);
  demandOwnRun(job.places, journal);
  if (!isFed(job) || journal?.state !== 'swapped') throw new OdoError('bug', 'there is no recovery to fetch WAL for');
  const roomOf = createRooms({ besideServer: job.run.besideServer === true });
  return startFeeding(job, keys, { reuse: isOfThisBoot(journal), inUse: true }, report, roomOf);
}

/** After the exchange, fetching is a part of the recovery. */
function asRecovery(report: Report): Report {
  return (event) => report(event.type === 'progress' && event.phase === 'wal' ? { ...event, phase: 'recover' } : event);
}

/** Works under the lock, so that nothing is moved or removed under another run. */
async function locked<T>({ pgdata }: ClusterPlaces, work: () => T | Promise<T>): Promise<T> {
  if (!fs.existsSync(pgdata.odoDir)) return work();
  const lock = await takeLock(pgdata.odoDir).catch((error: unknown) => {
    // A full disk must not keep anything from being removed.
    if (isFull(error)) return undefined;
    throw error;
  });
  try {
    return await work();
  } catch (error) {
    throw translateFsError(error, pgdata.odoDir);
  } finally {
    lock?.release();
  }
}
