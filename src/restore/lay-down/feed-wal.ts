import type { OdoEvent, Report } from '../../events.ts';
import { deferWalArchive } from '../../formats/registry/deferred-archive.ts';
import { parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { createTally } from '../../progress/tally.ts';
import { tellRetries } from '../../progress/tell-retries.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { RenewableKeys } from '../../store/objects/store-keys.ts';
import { salvageDir, spoolDir } from '../../tree/places/place.ts';
import type { RoomOf } from '../../tree/writing/room.ts';
import { feedSpool } from '../../wal/feed/feed-spool.ts';
import { withSalvage } from '../../wal/salvage/salvage-archive.ts';
import type { FedWal } from '../contract/jobs.ts';
import type { FedJob } from '../contract/lay-down-job.ts';
import { isTakenOver, takenOver } from '../volume/own-run.ts';

/**
 * How many segments lie in the spool before the exchange, or all if there are fewer. So faults of the WAL that recovery
 * begins with show while the old data is still in place, and the server does not begin by waiting.
 */
const HEAD_START = 16;

/** Pause between two looks whether the spool is still this run's. */
const LOOK_EVERY_MS = 500;

/** Feeding under way, for one restore. */
export interface Feeding {
  /** Resolves when the server could start: the WAL up to the end of the backup is there, or as much of it as fits. */
  headStart(): Promise<void>;
  takeAllConnections(): void;
  /** Says that what follows the archive is there now, or that nothing does. */
  settleEnd(): void;
  /** From now on, events go to `report`. */
  tellTo(report: Report): void;
  /** Rejects when feeding has failed for good, resolves when it was stopped. */
  readonly over: Promise<void>;
  /** The reason, once feeding has failed. */
  failure(): unknown;
  /** The last segment that the server has taken. */
  lastTaken(): string | undefined;
  /** @param options see Feeder.stop() */
  stop(options?: { forAnother?: boolean }): Promise<void>;
  total(): FedWal;
}

/** @param spool reuse: its segments can be relied upon; inUse: a server has begun to take them */
export function startFeeding(
  job: FedJob,
  keys: RenewableKeys,
  spool: { reuse: boolean; inUse: boolean },
  report: Report,
  roomOf: RoomOf,
): Feeding {
  let tell = report;
  const forward = (event: OdoEvent) => tell(event);
  const { store } = openStore(job.store, keys);
  store.onRetry = tellRetries(forward);
  const { postgresMajor, systemIdentifier, beginWal, endWal } = job.backup;
  const { segmentSizeBytes, segments, storedBytes } = job.wal;
  const tally = createTally('wal', { totalBytes: storedBytes, totalSegments: segments }, forward);
  const archive = deferWalArchive(store, job.repository);
  const feeder = feedSpool({
    ...(job.recovery.salvage ? withSalvage(archive, store, salvageDir(job.places.pgdata)) : { archive, store }),
    plan: job.wal,
    cluster: { postgresMajor, systemIdentifier },
    owner: job.owner,
    spool: spoolDir(job.places.pgdata),
    spoolBytes: job.recovery.spoolBytes,
    room: roomOf(job.places.pgdata.odoDir),
    reuse: spool.reuse,
    onlyOnRequest: spool.inUse,
    endIsOpen: job.recovery.salvage?.isLater === true && !spool.inUse,
    tally,
    warn: (message) => forward({ type: 'note', level: 'warning', message }),
  });
  let failure: unknown;
  const looking = setInterval(() => {
    if (isTakenOver(job.places)) feeder.fail(takenOver(job.places.pgdata));
  }, LOOK_EVERY_MS).unref();
  const over = feeder.over
    .catch((error: unknown) => {
      // In a spool that is another run's by now, the error that the feeder met first does not count.
      failure = isTakenOver(job.places) ? takenOver(job.places.pgdata) : error;
      throw failure;
    })
    .finally(() => clearInterval(looking));
  over.catch(() => undefined);
  const numberOf = (name: string) => parseSegmentName(name, segmentSizeBytes).segmentNumber;
  const needed = beginWal === undefined || endWal === undefined ? 0 : numberOf(endWal) - numberOf(beginWal) + 1;

  return {
    headStart: () => feeder.fed(Math.max(needed, HEAD_START)),
    takeAllConnections: feeder.takeAllConnections,
    settleEnd: feeder.settleEnd,
    tellTo(report) {
      tell = report;
    },
    over,
    failure: () => failure,
    lastTaken: feeder.lastTaken,
    async stop(options) {
      await feeder.stop(options);
      store.close();
    },
    total: () => ({
      walSegments: tally.done.segments,
      reusedSegments: tally.done.reusedSegments,
      readBytes: tally.done.readBytes,
      writtenBytes: tally.done.writtenBytes,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    }),
  };
}
