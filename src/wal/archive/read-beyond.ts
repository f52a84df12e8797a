import path from 'node:path';
import { formatMicros } from '../../postgres/terms/timestamp.ts';
import { formatLsn, nextSegmentName, parseLsn, segmentOfLsn } from '../../postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../postgres/wal/wal-page.ts';
import { createRecordWalker, type RecordWalker } from '../../postgres/wal/wal-records.ts';
import { fastCrc32c, openSegment, piecesOf } from './pg-wal-files.ts';

/** The content of a pg_wal behind a position, as plain JSON. */
export interface WalBeyond {
  commits: number;
  /** Transactions that are prepared for a commit of two phases. */
  prepared: number;
  /** Time of the last commit (ISO 8601). */
  lastCommitTime?: string;
  /** The end of the last whole record; the position itself where there is none. */
  endLsn: string;
  /** All WAL could be read that is known to have been written. */
  isWhole: boolean;
  /** Why the WAL could be read no farther. */
  because: string;
}

/** The cluster that a pg_wal belongs to. */
export interface WalOwner {
  systemIdentifier: string;
  timeline: number;
  segmentSizeBytes: number;
  /** Where the cluster's last checkpoint begins. */
  checkpointLsn: string;
  /** How far a recovery of the cluster has come. */
  minRecoveryLsn?: string;
}

/** Counts what was committed behind a position, by the WAL itself. Nothing is changed. */
export async function readBeyond(directory: string, owner: WalOwner, fromLsn: string): Promise<WalBeyond> {
  const { timeline, segmentSizeBytes } = owner;
  const from = parseLsn(fromLsn);
  const counted = { commits: 0, prepared: 0, lastMicros: undefined as bigint | undefined };
  let walker: RecordWalker | undefined;
  let name = segmentOfLsn(from, timeline, segmentSizeBytes);
  let because = '';
  while (walker?.end === undefined) {
    const file = await openSegment(path.join(directory, name), segmentSizeBytes);
    if (!file) {
      because = `its pg_wal has no ${name}`;
      break;
    }
    try {
      for await (const piece of piecesOf(file, segmentSizeBytes)) {
        walker ??= startWalker(piece, owner, from, counted);
        if (!walker?.feed(piece)) break;
      }
    } finally {
      await file.close();
    }
    if (!walker) {
      because = `${name} does not begin like a WAL segment`;
      break;
    }
    name = nextSegmentName(name, segmentSizeBytes);
  }
  const reached = walker?.lastLsn;
  const end = reached !== undefined && walker?.endLsn !== undefined && walker.endLsn > from ? walker.endLsn : from;
  const [checkpoint, minRecovery] = [parseLsn(owner.checkpointLsn), parseLsn(owner.minRecoveryLsn ?? '0/0')];
  return {
    commits: counted.commits,
    prepared: counted.prepared,
    ...(counted.lastMicros === undefined ? {} : { lastCommitTime: formatMicros(counted.lastMicros) }),
    endLsn: formatLsn(end),
    isWhole:
      (checkpoint < from || (reached !== undefined && reached >= checkpoint)) &&
      (minRecovery <= from || end >= minRecovery),
    because: walker?.end ?? because,
  };
}

/** undefined when the WAL does not begin like that of a server known here. */
function startWalker(
  head: Buffer,
  { systemIdentifier, timeline, segmentSizeBytes }: WalOwner,
  from: bigint,
  counted: { commits: number; prepared: number; lastMicros: bigint | undefined },
): RecordWalker | undefined {
  const postgresMajor = readWalPageHeader(head)?.postgresMajor;
  if (postgresMajor === undefined) return undefined;
  const walker = createRecordWalker(
    { postgresMajor, systemIdentifier, segmentSizeBytes, timeline },
    {
      mark({ kind, lsn, micros }) {
        if (kind !== 'commit' || lsn < from) return;
        counted.commits += 1;
        counted.lastMicros = micros;
      },
      prepared() {
        // This call comes behind the record, whose beginning is known by then.
        if ((walker.lastLsn ?? 0n) >= from) counted.prepared += 1;
      },
    },
    fastCrc32c,
  );
  return walker;
}
