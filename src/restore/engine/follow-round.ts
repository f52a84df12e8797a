import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readControlFile } from '../../cluster/read-control-file.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import { majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { parseLsn } from '../../postgres/terms/wal-names.ts';
import { tellRetries } from '../../progress/tell-retries.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { RenewableKeys } from '../../store/objects/store-keys.ts';
import { readJournal } from '../../tree/exchange/journal.ts';
import { type Lock, takeLock } from '../../tree/exchange/lock.ts';
import { probePlace } from '../../tree/exchange/probe.ts';
import { translateFsError } from '../../tree/places/fs-errors.ts';
import { type Place, spoolDir } from '../../tree/places/place.ts';
import { createRooms } from '../../tree/writing/room.ts';
import { topUpSpool } from '../../wal/feed/top-up-spool.ts';
import type { FollowJob, FollowRound } from '../contract/jobs.ts';

/** Pause between two looks whether the standby still is one. */
const LOOK_EVERY_MS = 500;

/** With a full spool there is nothing to ask of the archive, only of the server. */
const REST_WHEN_FULL_MS = 1000;

/** See Engine.follow(). */
export async function followRound(
  job: FollowJob,
  keys: RenewableKeys,
  report: Report,
  signal: AbortSignal,
): Promise<FollowRound | undefined> {
  const { pgdata } = job;
  if (!isWaitingStandby(pgdata)) return undefined;
  const gone = new AbortController();
  const looking = setInterval(() => {
    if (!fs.existsSync(signalFile(pgdata))) gone.abort();
  }, LOOK_EVERY_MS);
  const either = AbortSignal.any([signal, gone.signal]);
  let lock: Lock | undefined;
  try {
    lock = await takeLock(pgdata.odoDir);
    const round = await bringUpToDate(job, keys, report, either);
    // Segments that were brought are told at once.
    const restMs = round.isFull ? REST_WHEN_FULL_MS : round.segments > 0 ? 0 : job.restMs;
    await sleep(restMs, undefined, { signal: either });
    return round;
  } catch (error) {
    if (gone.signal.aborted && !signal.aborted) return undefined;
    throw translateFsError(error, pgdata.odoDir);
  } finally {
    clearInterval(looking);
    lock?.release();
  }
}

function isWaitingStandby(pgdata: Place): boolean {
  const journal = readJournal(pgdata.odoDir);
  return (
    journal?.state === 'swapped' && journal.awaitsPromotion?.isStandby === true && fs.existsSync(signalFile(pgdata))
  );
}

/** The standby's signal file, which the server removes at the end of its recovery. */
function signalFile({ root }: Place): string {
  return path.join(root, 'standby.signal');
}

async function bringUpToDate(
  job: FollowJob,
  keys: RenewableKeys,
  report: Report,
  signal: AbortSignal,
): Promise<FollowRound> {
  const { pgdata } = job;
  const control = readControlFile(pgdata.root);
  const { timeline, redoLsn, systemIdentifier, walSegmentSizeBytes } = control;
  const { pgVersion = '', owner } = probePlace(pgdata);
  // The server may have come to another restartpoint since it was asked.
  const isPast = job.replayLsn === undefined || parseLsn(job.replayLsn) < parseLsn(redoLsn);
  const { store } = openStore(job.store, keys);
  store.onRetry = tellRetries(report);
  const archive = await openWalArchive(store, job.repository);
  if (!archive) throw new OdoError('bug', `a ${job.repository.format} repository has no WAL archive`);
  let readBytes = 0;
  const count = (bytes: number) => {
    readBytes += bytes;
  };
  try {
    const done = await topUpSpool({
      store,
      archive,
      cluster: { postgresMajor: majorOfPgVersionFile(pgVersion), systemIdentifier },
      owner,
      spool: spoolDir(pgdata),
      position: {
        timeline,
        redoLsn,
        replayLsn: isPast ? redoLsn : (job.replayLsn as string),
        targetTimeline: job.targetTimeline,
        segmentSizeBytes: walSegmentSizeBytes,
      },
      ownHistories: namesIn(path.join(pgdata.root, 'pg_wal')),
      spoolBytes: job.spoolBytes,
      room: createRooms({ besideServer: true })(pgdata.odoDir),
      isDurable: true,
      tally: { read: count, wrote: () => undefined },
      signal,
    });
    return { ...done, readBytes };
  } finally {
    store.close();
  }
}

/** Names in a directory, which may be a link to where this container cannot see. */
function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
