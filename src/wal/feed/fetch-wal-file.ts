import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';
import { isSegmentName } from '../../postgres/terms/wal-names.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { freeing } from '../../stream/bytes/freeing.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { RoomOf } from '../../tree/writing/room.ts';
import { checkSegment, type SegmentCheck } from '../archive/check-segment.ts';
import { eitherTwin } from '../archive/either-twin.ts';
import { MAX_HISTORY_BYTES, streamWalFile } from '../archive/read-wal-file.ts';
import type { WalPlan } from '../plan/wal-plan.ts';

/** The facts of a restore that the fetching of one file needs. */
export interface WalSource {
  store: ObjectStore;
  plan?: Pick<Extract<WalPlan, { source: 'archive' }>, 'spans' | 'segmentSizeBytes'>;
  /** The backup's facts of its cluster; every segment must be of that cluster. Without them, only sizes are checked. */
  cluster?: { postgresMajor?: number | undefined; systemIdentifier?: string | undefined };
  owner?: Owner | undefined;
  /** Asked before each file; without it, files are written until the disk is full. */
  roomOf?: RoomOf | undefined;
  /** A file is flushed before it gets its name: nobody flushes all of them later. */
  isDurable?: boolean;
}

/** Told of bytes as they come and go. */
export interface FetchTally {
  read(bytes: number): void;
  wrote(bytes: number): void;
}

/**
 * Fetches one file of the archive, unpacked and checked on the way, and puts it to `target`. It is written under a
 * temporary name on the same file system, so that a file named `target` is always whole. `backupIncomplete` when a file
 * that was listed is gone.
 */
export function fetchWalFile(
  source: WalSource,
  file: WalFile,
  target: string,
  tally: FetchTally,
  signal: AbortSignal,
  temporary = `${target}.incoming`,
): Promise<void> {
  return eitherTwin(file, (object) => fetchObject(source, object, target, tally, signal, temporary));
}

async function fetchObject(
  source: WalSource,
  file: WalFile,
  target: string,
  tally: FetchTally,
  signal: AbortSignal,
  temporary: string,
): Promise<void> {
  const room = source.roomOf?.(path.dirname(temporary)).claim();
  room?.demand(isSegmentName(file.name) ? (source.plan?.segmentSizeBytes ?? file.sizeBytes) : file.sizeBytes);
  const fd = fs.openSync(temporary, 'w', 0o600);
  const check = checkOf(source, file);
  try {
    // The owner is set at once. The entry point of a server's image looks for files of others when it starts, and dies
    // when a file that it found has been renamed meanwhile.
    if (source.owner && process.getuid?.() === 0) fs.fchownSync(fd, source.owner.uid, source.owner.gid);
    const chunks = streamWalFile(source.store, file, { signal, onBytes: (bytes) => tally.read(bytes) });
    for await (const chunk of freeing(chunks)) {
      check.update(chunk);
      for (let done = 0; done < chunk.length; ) done += fs.writeSync(fd, chunk, done, chunk.length - done);
      room?.wrote(chunk.length);
      tally.wrote(chunk.length);
    }
    if (source.isDurable) await promisify(fs.fdatasync)(fd);
  } catch (error) {
    throw error instanceof OdoError && error.code === 'notFound' ? lost(source, file, error) : error;
  } finally {
    room?.release();
    fs.closeSync(fd);
  }
  check.end();
  fs.renameSync(temporary, target);
}

function checkOf({ store, plan, cluster }: WalSource, file: WalFile): SegmentCheck {
  const object = `${store.url}/${file.key}`;
  if (!isSegmentName(file.name) || !plan) return checkSize(object, { maxBytes: MAX_HISTORY_BYTES });
  const { segmentSizeBytes } = plan;
  if (!cluster) return checkSize(object, { minBytes: segmentSizeBytes, maxBytes: segmentSizeBytes });
  const isFirstOfTimeline = plan.spans.some(({ firstSegment }) => firstSegment === file.name);
  return checkSegment(object, { name: file.name, segmentSizeBytes, isFirstOfTimeline, ...cluster });
}

function checkSize(object: string, { minBytes = 0, maxBytes }: { minBytes?: number; maxBytes: number }): SegmentCheck {
  let sizeBytes = 0;
  const refuse = (wanted: string) => {
    throw new OdoError('dataCorrupt', `${object} holds ${sizeBytes} bytes where ${wanted}`, {
      hint: 'the archive is damaged there; recovery could not pass this file',
    });
  };
  return {
    update(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) refuse(`such a file has ${maxBytes} at most`);
    },
    end() {
      if (sizeBytes < minBytes) refuse(`a WAL segment has ${minBytes}`);
    },
  };
}

function lost({ store }: WalSource, file: WalFile, cause: OdoError): OdoError {
  return new OdoError('backupIncomplete', `the WAL archive in ${store.url} has lost ${file.key} since it was listed`, {
    hint: 'see what deletes from the archive (a retention policy?), then run again',
    cause,
  });
}
