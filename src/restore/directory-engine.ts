import fs from 'node:fs';
import { OdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import { createRenewableKeys, type RenewableKeys } from '../store/renewable-keys.ts';
import { syncfs } from '../stream/native.ts';
import { isFull, translateFsError } from '../target/fs-errors.ts';
import { readJournal } from '../target/journal.ts';
import { takeLock } from '../target/lock.ts';
import type { Place } from '../target/place.ts';
import { createRooms } from '../target/room.ts';
import { tryWriting } from '../target/try-writing.ts';
import { NO_WRITE_BACK, openWriteBack, type WriteBack } from '../target/write-back.ts';
import { clean, exchange, finish, rollback, undoExchange } from './end-restore.ts';
import type { Engine, LayDownJob, Target } from './engine.ts';
import { type Feeding, isFed, startFeeding } from './feed-wal.ts';
import { followRound } from './follow-round.ts';
import { HOST_GONE } from './host-gone.ts';
import { layDownBackup } from './lay-down-backup.ts';
import { demandOwnRun } from './own-run.ts';
import { probeTarget } from './probe-target.ts';
import { archivingConfigured, raiseSettings } from './raise-settings.ts';
import { reachStore } from './reach-store.ts';
import { readRecoveryState } from './recovery-state.ts';
import { noteRollbackTold } from './rollback-told.ts';
import { amendStaged, readStaged } from './staged-configuration.ts';
import { discardStaging, isOfThisBoot, placesOf } from './staging.ts';
import { statusOf } from './status.ts';
import { surveyOldData } from './survey-old-data.ts';
import { takeSalvage } from './take-salvage.ts';
import { recheckPages } from './verify-cluster.ts';
import { writeAmended } from './write-owned.ts';

/** The engine that works on directories of this machine (or of the container that it runs in). */
export function createDirectoryEngine(): Engine {
  /** By ODO's folder, from the laying down to the end of the restore. */
  const feedings = new Map<string, Feeding>();
  /** By ODO's folder, from before the first byte on, so that no error is missed until the old data goes. */
  const writeBacks = new Map<string, WriteBack>();
  const keys = createRenewableKeys();

  function takeKeys({ store }: Pick<LayDownJob, 'store'>): void {
    if (store.credentials) keys.renew(store.credentials);
  }

  async function stopFeeding({ odoDir }: Place): Promise<void> {
    await feedings.get(odoDir)?.stop();
    feedings.delete(odoDir);
  }

  function watchWrites(target: Target, sync: boolean): WriteBack {
    const { odoDir } = target.pgdata;
    writeBacks.get(odoDir)?.close();
    const roots = placesOf(target).map(({ root }) => root);
    const opened = sync ? openWriteBack(roots, syncfs) : NO_WRITE_BACK;
    writeBacks.set(odoDir, opened);
    return opened;
  }

  /** Old data goes only when nothing of what takes its place was lost on its way to the disk. */
  async function demandWritten(target: Target): Promise<void> {
    const writeBack = writeBacks.get(target.pgdata.odoDir) ?? watchWrites(target, true);
    await writeBack.flush();
  }

  /** What ends a restore takes the spool away, so nobody may be writing to it. */
  async function ending<T>(target: Target, work: () => T | Promise<T>): Promise<T> {
    await stopFeeding(target.pgdata);
    return locked(target, work);
  }

  return {
    probe: async (target, options) => probeTarget(target, options),
    async reach(job, signal) {
      takeKeys(job);
      return reachStore(job, keys, signal);
    },
    async tryWriting(target, owner) {
      for (const place of placesOf(target)) tryWriting(place, owner);
    },
    status: async (target) => statusOf(target.pgdata),
    async layDown(job, report, signal) {
      const { pgdata } = job.target;
      await stopFeeding(pgdata);
      takeKeys(job);
      const writeBack = watchWrites(job.target, job.sync);
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
      const { odoDir } = job.target.pgdata;
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
      const survey = await locked(job.target, () => {
        if (job.salvage?.isLater) demandOwnRun(job.target, readJournal(job.target.pgdata.odoDir));
        return takeSalvage(job, keys, signal);
      });
      feedings.get(job.target.pgdata.odoDir)?.settleEnd();
      return survey;
    },
    staged: async (target) => readStaged(target),
    amend: (target, amendments, owner) =>
      locked(target, () => {
        demandOwnRun(target, readJournal(target.pgdata.odoDir));
        amendStaged(target, amendments, (file, content) => writeAmended(file, content, owner));
      }),
    renewKeys: keys.renew,
    swap: (target) =>
      locked(target, async () => {
        await demandWritten(target);
        exchange(target);
      }),
    takeBack: (target) => ending(target, () => undoExchange(target)),
    rollback: (target) => ending(target, () => rollback(target)),
    noteRollbackTold: (target) => locked(target, () => noteRollbackTold(target)),
    async recoveryState({ pgdata }, options) {
      const takenSegment = feedings.get(pgdata.odoDir)?.lastTaken();
      return { ...readRecoveryState(pgdata, options), ...(takenSegment === undefined ? {} : { takenSegment }) };
    },
    // Not under the lock, which whoever brings a standby its WAL holds all the time: that one does not touch the configuration.
    raiseSettings: async ({ pgdata }, facts) => raiseSettings(pgdata, facts),
    archivingConfigured: async ({ pgdata }, facts) => archivingConfigured(pgdata, facts),
    surveyOld: ({ pgdata }, question) => surveyOldData(pgdata, question),
    recheckPages: async (target, suspects) => recheckPages(target, suspects),
    clean: (target, options) =>
      ending(target, async () => {
        await demandWritten(target);
        return clean(target, options);
      }),
    finish: (options) =>
      ending(options.target, async () => {
        await demandWritten(options.target);
        return finish(options);
      }),
    discard: (target) => ending(target, () => discardStaging(target)),
    async close(options) {
      await Promise.all([...feedings.values()].map((feeding) => feeding.stop(options)));
      for (const writeBack of writeBacks.values()) writeBack.close();
      writeBacks.clear();
    },
  };
}

/** For a server in the middle of its recovery, whose feeder has died: what its spool holds is what that one has given it. */
function feedAgain(job: LayDownJob, keys: RenewableKeys, report: Report): Feeding {
  const journal = readJournal(job.target.pgdata.odoDir);
  demandOwnRun(job.target, journal);
  if (!isFed(job) || journal?.state !== 'swapped') throw new OdoError('bug', 'there is no recovery to fetch WAL for');
  const roomOf = createRooms({ besideServer: job.besideServer === true });
  return startFeeding(job, keys, { reuse: isOfThisBoot(journal), inUse: true }, report, roomOf);
}

/** After the exchange, fetching is a part of the recovery. */
function asRecovery(report: Report): Report {
  return (event) => report(event.type === 'progress' && event.phase === 'wal' ? { ...event, phase: 'recover' } : event);
}

/** What another run is at work on must not be moved or removed under it. */
async function locked<T>({ pgdata }: Target, work: () => T | Promise<T>): Promise<T> {
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
