import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { type Layout, layoutOf } from '../places/layout.ts';
import { nearestExisting } from '../places/nearest-existing.ts';
import { type Owner, type Place, previousDir } from '../places/place.ts';
import { GUARD, isVacant, namesIn } from './guard.ts';
import { type AwaitedPromotion, type Finished, type JournalState, readJournal } from './journal.ts';
import { type Postmaster, readPostmaster, serverOn } from './server-on.ts';
import type { Situation } from './situation.ts';

/**
 * The data from before the restore, wherever it is now: in place, or in `previous` when a restored server is in place.
 */
export interface OldData {
  /** nothing: there is no old data. gone: it was deleted beforehand (--wipe). */
  where: 'nothing' | 'in place' | 'previous' | 'gone';
  /** Content of the old data's PG_VERSION. */
  pgVersion?: string;
  /** System identifier in the old data's pg_control; absent when that file is not there or cannot be read. */
  systemIdentifier?: string;
}

/** The facts of a directory that a restore would fill. Plain JSON, since they may come from a container. */
export interface PlaceProbe {
  exists: boolean;
  /** The directory holds nothing but ODO's own folder and guard, and lost+found. */
  empty: boolean;
  /** First few names in it, for messages. */
  sample: string[];
  /** Content of PG_VERSION; present for a data directory. */
  pgVersion?: string;
  owner?: Owner;
  /** Device and number of the directory, which identify it by whatever name. */
  inode?: string;
  /** The server that runs, or ran, on the directory, as postmaster.pid tells. */
  postmaster?: Postmaster;
  /** What the volume as a whole holds of restores. Only for a data directory. */
  situation?: Situation;
  /** The data from before the restore. Only for a data directory. */
  old?: OldData;
  /** The content in place is a whole data directory, on which a server may be started. */
  startable?: boolean;
  /**
   * Bytes of staged files, WAL and restored content that an earlier run left, and that the next one uses or removes.
   */
  stagedBytes?: number;
  /** Number of those files. */
  stagedFiles?: number;
  /** Bytes of the old data, which --wipe deletes. Present when this was asked for. */
  usedBytes?: number;
  /** Number of those files. */
  usedFiles?: number;
  /** How the directory really lies. */
  layout?: Layout;
  freeBytes: number;
  freeInodes: number;
  /** Bytes of the whole file system. */
  totalBytes: number;
  /** Why a server runs on the directory, or may run. */
  server?: string;
  journalState?: JournalState;
  journalBackupId?: string;
  /** The run that has staged the files. */
  journalRunId?: string;
  /** A restored server was left waiting at its target. */
  awaitsPromotion?: AwaitedPromotion;
  /** All places that the journal speaks of: PGDATA and the tablespaces. */
  journalPlaces?: Place[];
  /** Old content that waits in `previous`. */
  hasPrevious: boolean;
  /** The restored content in place has finished recovery since the swap, so it may hold data of its own. */
  usedSinceSwap: boolean;
  /** What is known of that server's use. */
  use?: Use;
  /** Says of what the old data that is kept is the only copy. */
  keptBecause?: string;
}

/** What is known of a server that is in use since its restore. */
export interface Use {
  finished?: Finished;
  /** WAL that the server has written since then, up to its last checkpoint. */
  writtenBytes?: number;
  /** A rollback has put it in place, whichever of the two contents it is, and nobody was told of its end. */
  isRollbackOpen?: boolean;
  /** When the server's pg_control was written last (ISO 8601). */
  lastCheckpointAt?: string;
}

/**
 * Looks at one place without changing it. probePlaces() adds what restores have made of a whole volume. A directory
 * that does not exist is looked at through its nearest parent.
 */
export function probePlace(place: Place): PlaceProbe {
  const exists = fs.existsSync(place.root);
  if (exists && !fs.statSync(place.root).isDirectory()) {
    throw new OdoError('unsafeTarget', `${place.root} is not a directory`, { hint: 'name a directory to fill' });
  }
  const names = namesIn(place.root);
  const stat = exists ? fs.statSync(place.root) : undefined;
  const room = fs.statfsSync(nearestExisting(place.root));
  const journal = readJournal(place.odoDir);
  const probe: PlaceProbe = {
    exists,
    empty: isVacant(place.root),
    sample: names.sort().slice(0, 5),
    layout: layoutOf(place),
    freeBytes: room.bavail * room.bsize,
    freeInodes: room.ffree,
    totalBytes: room.blocks * room.bsize,
    hasPrevious: fs.existsSync(previousDir(place)) && fs.readdirSync(previousDir(place)).length > 0,
    usedSinceSwap: false,
  };
  if (!probe.empty && names.includes(GUARD))
    probe.pgVersion = fs.readFileSync(path.join(place.root, GUARD), 'utf8').trim();
  if (stat) {
    probe.owner = { uid: stat.uid, gid: stat.gid };
    probe.inode = inodeOf(place.root);
  }
  const postmaster = readPostmaster(place.root);
  if (postmaster) probe.postmaster = postmaster;
  const server = serverOn(place.root);
  if (server !== undefined) probe.server = server;
  if (journal) {
    probe.journalState = journal.state;
    probe.journalBackupId = journal.backupId;
    probe.journalPlaces = journal.places;
    if (journal.runId !== undefined) probe.journalRunId = journal.runId;
    if (journal.awaitsPromotion) probe.awaitsPromotion = journal.awaitsPromotion;
  }
  return probe;
}

/** Device and number of a directory as text: numbers may be larger than what JSON keeps exactly. */
function inodeOf(directory: string): string {
  const { dev, ino } = fs.statSync(directory, { bigint: true });
  return `${dev}:${ino}`;
}
