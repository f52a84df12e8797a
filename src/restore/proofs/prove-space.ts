import { OdoError } from '../../errors.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import { reserveOf } from '../../tree/writing/room.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { Finding } from '../contract/proofs.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { type BackupDirectory, isAll, needOf, USUAL_GROWTH, walNeed } from './room-needed.ts';

/** A directory that is going to be filled, as it was found. */
export interface ProbedPlace {
  root: string;
  share: BackupDirectory;
  probe: PlaceProbe;
}

/** What a request says of the room. */
interface Wish {
  /** The old content is deleted first. */
  wipe: boolean;
  /** How much WAL may wait in the spool; all of it when not given. */
  spoolBytes?: number | undefined;
  /** A server may be writing to the same file system all the time, and is not to stop over it. */
  besideServer?: boolean;
}

/**
 * What a service's restore asks of the room. A server that is left waiting at its target has all of its WAL beside it.
 */
export function roomWish({ wipe, online, spoolBytes, moment, standby }: ServiceRequest): Wish {
  const isLeftWaiting = standby !== undefined || (moment !== undefined && moment.action !== 'promote');
  return { wipe, besideServer: online, ...(isLeftWaiting ? {} : { spoolBytes }) };
}

/**
 * The places with what was found of each, as far as it could be looked at. Tablespaces that replay makes are left out:
 * what they take is not known.
 */
export function probedPlaces(
  places: ClusterPlaces,
  pgdata: PlaceProbe,
  tablespaces: readonly (PlaceProbe | undefined)[],
): ProbedPlace[] {
  const others = places.tablespaces.flatMap(({ oid, place, isLater }, index): ProbedPlace[] => {
    const probe = tablespaces[index];
    return probe && !isLater ? [{ root: place.root, share: oid, probe }] : [];
  });
  return [{ root: places.pgdata.root, share: 'pgdata', probe: pgdata }, ...others];
}

/**
 * Judges the room of each file system by what goes there. The old data stays beside the new until the end. So what is
 * free now must suffice (with --wipe, together with what the old takes).
 * Errors: `noSpace`.
 */
export function proveSpace(places: readonly ProbedPlace[], backup: Backup, wal: WalPlan, wish: Wish): Finding {
  const groups = [...Map.groupBy(places, ({ probe }) => probe.layout?.fileSystem ?? '').values()];
  const isOne = groups.length === 1;
  const judged = groups.map((group) => judge(group, isOne, backup, wal, wish));
  const words = judged.map(({ where, evidence }) => (isOne ? evidence : `${where}: ${evidence}`)).join(' · ');
  const shares = places.map(({ share }) => share);
  if (isAll(backup, shares)) demandSum(judged, backup, words);
  const tight = judged.filter(({ isTight }) => isTight);
  if (tight.length === 0) return { evidence: words };
  const doubts = tight.map(({ where, doubt }) => (isOne ? doubt : `${doubt} in ${where}`)).join(' and ');
  return {
    state: 'warning',
    evidence:
      `${words}; but packed data grows about ${USUAL_GROWTH} times, and ${doubts} would be too much: a disk ` +
      'that fills up ends the restore, and the old data stays',
  };
}

interface Judged {
  where: string;
  evidence: string;
  /** What is left for the backup at most. */
  roomBytes: number;
  isTight: boolean;
  /** What is likely to be too much, in words. */
  doubt: string;
}

function judge(group: readonly ProbedPlace[], isOne: boolean, backup: Backup, wal: WalPlan, wish: Wish): Judged {
  const [first] = group as [ProbedPlace];
  const where = group.map(({ root }) => root).join(', ');
  const forWhere = isOne ? '' : ` for ${where}`;
  const shares = group.map(({ share }) => share);
  const need = needOf(backup, shares);
  const ownWal = shares.includes('pgdata') ? walNeed(wal, wish.spoolBytes) : undefined;
  const ownWalBytes = ownWal?.bytes ?? 0;
  // The reserve stays free while all is laid down, and is there for the server afterwards.
  const reserveBytes = Math.max(
    reserveOf(first.probe.totalBytes, wish.besideServer === true),
    ownWal?.afterwardsBytes ?? 0,
  );
  const neededBytes = need.bytes + ownWalBytes + reserveBytes;
  const freed = freedBy(group, wish.wipe);
  const availableBytes = first.probe.freeBytes + freed.bytes;
  const forWal = ownWal ? `, ${formatBytes(ownWalBytes)} for WAL` : '';
  const parts =
    `${formatBytes(need.bytes)} for the backup (${need.basis})${forWal}, ${formatBytes(reserveBytes)} to stay ` +
    'free';
  const evidence =
    `${formatBytes(first.probe.freeBytes)} free${freed.words}, ` + `${formatBytes(neededBytes)} needed: ${parts}`;
  if (availableBytes < neededBytes) {
    throw new OdoError('noSpace', `not enough disk space${forWhere}: ${evidence}`, {
      hint: 'free some space, restore to a larger volume, or let --wipe delete the old data first',
    });
  }
  const { freeInodes } = first.probe;
  // File systems without a fixed number of inodes report none.
  if (freeInodes > 0 && freeInodes + freed.files < need.files) {
    const basis = backup.restoredFiles === undefined ? 'even an empty cluster has' : 'the backup has';
    throw new OdoError(
      'noSpace',
      `not enough inodes${forWhere}: ${freeInodes} are free, and ${basis} ${need.files} files`,
      {
        hint: 'restore to a file system with more inodes',
      },
    );
  }
  const likelyBytes = need.likelyBytes + ownWalBytes;
  return {
    where,
    evidence: `${evidence}; ${freeInodes} inodes free`,
    roomBytes: availableBytes - ownWalBytes - reserveBytes,
    isTight: likelyBytes + reserveBytes > availableBytes,
    doubt: formatBytes(likelyBytes),
  };
}

/** Where nothing tells how the backup is spread over several file systems, all of them together must hold it. */
function demandSum(judged: readonly Judged[], { restoredBytes }: Backup, words: string): void {
  const roomBytes = judged.reduce((sum, each) => sum + each.roomBytes, 0);
  if (restoredBytes === undefined || roomBytes >= restoredBytes) return;
  throw new OdoError(
    'noSpace',
    `not enough disk space: ${formatBytes(restoredBytes)} for the backup in all; ${words}`,
    {
      hint: 'free some space, restore to larger volumes, or let --wipe delete the old data first',
    },
  );
}

/**
 * The room that a restore makes. Files of an interrupted run are used or removed, and the old data is deleted with
 * --wipe.
 */
function freedBy(group: readonly ProbedPlace[], wipe: boolean): { bytes: number; files: number; words: string } {
  let [bytes, files] = [0, 0];
  const by = new Set<string>();
  for (const { probe } of group) {
    const [staged, used] = [probe.stagedBytes ?? 0, wipe ? (probe.usedBytes ?? 0) : 0];
    bytes += staged + used;
    files += (probe.stagedFiles ?? 0) + (wipe ? (probe.usedFiles ?? 0) : 0);
    if (used > 0) by.add('old data to be deleted');
    if (staged > 0) by.add('an interrupted run');
  }
  return {
    bytes,
    files,
    words: bytes > 0 ? ` and ${formatBytes(bytes)} taken by ${[...by].sort().reverse().join(' and ')}` : '',
  };
}
