import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isSegmentName, parseLsn, segmentBeforeLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../postgres/wal/wal-page.ts';
import { createRecordWalker, RECORD_HEADER_BYTES } from '../../postgres/wal/wal-records.ts';
import { fastCrc32c, openSegment, piecesOf } from './pg-wal-files.ts';
import type { WalOwner } from './read-beyond.ts';

/**
 * A segment as far as whole records fill its beginning, as plain JSON. The digest tells it from another segment of the
 * same name.
 */
export interface WrittenSegment {
  name: string;
  bytes: number;
  /** SHA-256 of these bytes, in hex. */
  digest: string;
}

/**
 * The last segment that a pg_wal holds before a position. WAL that has gone another way differs in every segment from
 * there on, so the last one tells of all. undefined where there is none.
 */
export async function lastWritten(
  directory: string,
  owner: WalOwner,
  beforeLsn: string,
): Promise<WrittenSegment | undefined> {
  const { timeline, segmentSizeBytes } = owner;
  const last = segmentBeforeLsn(parseLsn(beforeLsn), timeline, segmentSizeBytes);
  const names = fs.existsSync(directory) ? fs.readdirSync(directory).filter(isSegmentName) : [];
  const earlier = names.filter((name) => timelineOfName(name) === timeline && name <= last);
  for (const name of earlier.sort().reverse()) {
    const bytes = await wholeBytes(path.join(directory, name), name, owner);
    if (bytes > 0) return { name, bytes, digest: await digestOf(path.join(directory, name), bytes) };
  }
  return undefined;
}

/**
 * How many bytes of a file whole records fill. 0 for a recycled file that is not written yet. Bytes behind a switch to
 * the next segment do not count.
 */
async function wholeBytes(
  file: string,
  name: string,
  { systemIdentifier, timeline, segmentSizeBytes }: WalOwner,
): Promise<number> {
  const segment = await openSegment(file, segmentSizeBytes);
  if (!segment) return 0;
  const size = BigInt(segmentSizeBytes);
  let walker: ReturnType<typeof createRecordWalker> | undefined;
  let beginLsn = 0n;
  try {
    for await (const piece of piecesOf(segment, segmentSizeBytes)) {
      if (!walker) {
        const header = readWalPageHeader(piece);
        if (header?.postgresMajor === undefined || header.systemIdentifier !== systemIdentifier) return 0;
        beginLsn = parseLsn(header.pageLsn);
        if (segmentBeforeLsn(beginLsn + 1n, timeline, segmentSizeBytes) !== name) return 0;
        const origin = { postgresMajor: header.postgresMajor, systemIdentifier, segmentSizeBytes, timeline };
        walker = createRecordWalker(origin, {}, fastCrc32c);
      }
      if (!walker.feed(piece)) break;
    }
  } finally {
    await segment.close();
  }
  if (walker?.lastLsn === undefined || walker.endLsn === undefined) return 0;
  if (walker.endLsn % size === 0n) return Number(walker.lastLsn - beginLsn) + RECORD_HEADER_BYTES;
  return Number(walker.endLsn - beginLsn);
}

async function digestOf(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(file, { end: bytes - 1 })) hash.update(chunk);
  return hash.digest('hex');
}
