import { OdoError } from '../errors.ts';
import type { Backup } from '../formats/format.ts';
import type { Place } from '../target/place.ts';
import type { TargetProbe } from '../target/probe.ts';
import type { WalPlan } from '../wal/wal-plan.ts';
import { formatBytes } from './format-bytes.ts';
import type { Finding } from './proofs.ts';
import { refusedRestore } from './refused-restore.ts';
import { exchangesFirst, TRANSITIONS } from './transitions.ts';

/** A directory that is about to be filled may be empty or hold a data directory that no server uses; anything else is left alone. */
export function proveTargetSafe(
  place: Place,
  probe: TargetProbe,
  kind: 'data directory' | 'tablespace',
  wish: Pick<Wish, 'wipe'> = { wipe: false },
): Finding {
  if (probe.server !== undefined) {
    throw new OdoError('unsafeTarget', `a server may be running on ${place.root}: ${probe.server}`, {
      hint: 'stop it first; if none runs, remove postmaster.pid',
    });
  }
  const { situation, old } = probe;
  if (situation !== undefined && TRANSITIONS[situation].restore === 'refuse') throw refusedRestore(place, situation);
  if (probe.empty) return { evidence: probe.exists ? `${place.root} is empty` : `${place.root} will be created` };
  if (kind === 'data directory' && probe.pgVersion === undefined && probe.journalState === undefined) {
    throw new OdoError(
      'unsafeTarget',
      `${place.root} is not empty and not a data directory: it holds ${probe.sample.join(', ')}`,
      {
        hint: 'choose an empty directory, or move those files away',
      },
    );
  }
  if (kind === 'tablespace' && probe.sample.some((name) => !/^PG_\d/.test(name))) {
    throw new OdoError('unsafeTarget', `${place.root} is not empty and not a tablespace: it holds ${probe.sample.join(', ')}`, {
      hint: 'choose an empty directory with --tablespace NAME=PATH',
    });
  }
  const fate = wish.wipe ? 'which will be DELETED first' : 'which is kept until the restored one is proven';
  if (kind === 'tablespace') return { evidence: `${place.root} holds a tablespace, ${fate}` };
  const data = (version: string | undefined) => `a data directory of PostgreSQL ${version ?? '(unknown)'}`;
  if (!exchangesFirst(situation)) return { evidence: `${place.root} holds ${data(probe.pgVersion)}, ${fate}` };
  const back = 'what a former restore has left, which is taken back first';
  return {
    evidence:
      old?.where === 'previous'
        ? `${place.root} holds ${back}; ${place.odoDir}/previous holds ${data(old.pgVersion)}, ${fate}`
        : `${place.root} holds ${back}; there is no older data`,
  };
}

/** What a request says of the old content. */
interface Wish {
  wipe: boolean;
  allowDifferentCluster: boolean;
}

/** Another cluster's data is common on a rebuilt host, and harmless while it is kept; it is not deleted without a word. */
export function proveCluster(probe: TargetProbe, backup: Backup, wish: Wish): Finding {
  const [old, wanted] = [probe.old?.systemIdentifier, backup.systemIdentifier];
  const where = probe.old?.where ?? 'nothing';
  if (where === 'nothing') return { evidence: 'there is no old data' };
  if (where === 'gone') return { evidence: 'the old data was deleted by an earlier run (--wipe)' };
  if (old === undefined || wanted === undefined) {
    const evidence = `old data: ${old ?? 'unknown'}, backup: ${wanted ?? 'unknown'}`;
    if (!wish.wipe || wish.allowDifferentCluster) return { state: 'unjudged', evidence };
    const why = old === undefined ? 'its pg_control cannot be read' : 'the backup does not say of which it is';
    throw new OdoError(
      'unsafeTarget',
      `whether the old data is of the backup's cluster is not known, since ${why}; --wipe would delete it`,
      {
        hint: 'is it the right volume? --allow-different-cluster deletes it all the same',
      },
    );
  }
  if (old === wanted) return { evidence: `the old data is of the backup's own cluster, ${old}` };
  const evidence = `the old data is of another cluster (${old}) than the backup (${wanted})`;
  if (!wish.wipe) return { state: 'warning', evidence: `${evidence}; it is kept until the restored one is proven` };
  if (wish.allowDifferentCluster) return { state: 'warning', evidence: `${evidence}, and will be deleted` };
  throw new OdoError('unsafeTarget', `${evidence}, and --wipe would delete it`, {
    hint: 'is it the right volume? --allow-different-cluster deletes it all the same',
  });
}

/** The old data stays beside the new until the end, so what is free now must suffice (with --wipe, together with what the old takes). */
export function proveSpace(
  probe: TargetProbe,
  backup: Backup,
  wal: WalPlan,
  wish: Pick<Wish, 'wipe'> & { spoolBytes?: number | undefined },
): Finding {
  const walBytes = wal.source === 'archive' ? roomForWal(wal, wish.spoolBytes) : 0;
  const baseBytes = backup.restoredBytes ?? backup.storedBytes ?? 0;
  const basis = backup.restoredBytes === undefined ? 'at least, by its size in the store' : 'by what the backup says of its size';
  const neededBytes = baseBytes + walBytes;
  const freedBytes = (probe.stagedBytes ?? 0) + (wish.wipe ? (probe.old?.usedBytes ?? 0) : 0);
  const freed =
    freedBytes > 0
      ? ` and ${formatBytes(freedBytes)} taken by ${wish.wipe ? 'old data to be deleted' : 'an interrupted run'}`
      : '';
  const evidence = `${formatBytes(probe.freeBytes)} free${freed}, ${formatBytes(neededBytes)} needed: ${formatBytes(baseBytes)} for the backup (${basis}), ${formatBytes(walBytes)} for WAL`;
  if (probe.freeBytes + freedBytes < neededBytes) {
    throw new OdoError('noSpace', `not enough disk space: ${evidence}`, {
      hint: 'free some space, restore to a larger volume, or let --wipe delete the old data first',
    });
  }
  const files = backup.restoredFiles ?? FEWEST_FILES;
  // File systems without a fixed number of inodes report none.
  if (probe.freeInodes > 0 && probe.freeInodes < files) {
    const basis = backup.restoredFiles === undefined ? 'even an empty cluster has' : 'the backup has';
    throw new OdoError('noSpace', `not enough inodes: ${probe.freeInodes} are free, and ${basis} ${files} files`, {
      hint: 'restore to a file system with more inodes',
    });
  }
  const inodes = `${probe.freeInodes} inodes free`;
  const likelyBytes = likelyUnpacked(backup) + walBytes;
  if (likelyBytes <= probe.freeBytes + freedBytes) return { evidence: `${evidence}; ${inodes}` };
  return {
    state: 'warning',
    evidence: `${evidence}; but packed data grows about ${USUAL_GROWTH} times, and ${formatBytes(likelyBytes)} would be too much: a disk that fills up ends the restore, and the old data stays; ${inodes}`,
  };
}

/** What a server keeps in pg_wal while it recovers, as a rule: max_wal_size of 1 GiB, and as much again until the next restartpoint has ended. */
const KEPT_BY_SERVER_BYTES = 2 * 2 ** 30;

/** What a server makes for itself when it is promoted, and the last segment, which stays in the spool. */
const OWN_SEGMENTS = 4;

/**
 * Fed WAL is moved from the spool to the server, so a segment is in one of them; WAL that is fetched whole stays in the spool as well. Neither
 * has more than there is.
 */
function roomForWal(wal: Extract<WalPlan, { source: 'archive' }>, spoolBytes: number | undefined): number {
  const allBytes = wal.segments * wal.segmentSizeBytes;
  const keptBytes = Math.min(allBytes, KEPT_BY_SERVER_BYTES);
  const fedBytes = spoolBytes === undefined ? allBytes + keptBytes : Math.min(allBytes, spoolBytes + KEPT_BY_SERVER_BYTES);
  return fedBytes + OWN_SEGMENTS * wal.segmentSizeBytes;
}

/** How many times as large packed data is on disk, as a rule; some is three times, some ten times. */
const USUAL_GROWTH = 4;

function likelyUnpacked({ restoredBytes, storedBytes, parts }: Backup): number {
  if (restoredBytes !== undefined) return restoredBytes;
  const grown = parts.reduce((sum, { codec, sizeBytes }) => sum + sizeBytes * (codec === 'none' ? 1 : USUAL_GROWTH), 0);
  return Math.max(grown, storedBytes ?? 0);
}

/** Files of a cluster that holds nothing yet. */
const FEWEST_FILES = 1000;
