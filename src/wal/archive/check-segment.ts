import { OdoError } from '../../errors.ts';
import { isNewerWalPage, NEWEST_MAJOR } from '../../postgres/terms/versions.ts';
import { formatLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { readWalPageHeader, WAL_PAGE_HEADER_BYTES, type WalPageHeader } from '../../postgres/wal/wal-page.ts';
import { encryptionOf } from './encryption.ts';

/** The facts that a segment is held against. Unknown facts are not judged. */
export interface ExpectedSegment {
  /** The segment's own name, which says its timeline and its address. */
  name: string;
  segmentSizeBytes: number;
  postgresMajor?: number | undefined;
  systemIdentifier?: string | undefined;
  /**
   * The segment is the first one on its timeline that is replayed: its beginning may have been written on an earlier
   * timeline.
   */
  isFirstOfTimeline: boolean;
}

/** Takes a segment's bytes as they come. */
export interface SegmentCheck {
  /**
   * `dataCorrupt` as soon as the first page shows that this is not the segment, or when there are more bytes than a
   * segment has. `versionMismatch` when a PostgreSQL wrote it that is newer than ODO knows.
   */
  update(chunk: Uint8Array): void;
  /** dataCorrupt when the segment is too short. */
  end(): void;
}

const HINT =
  'recovery could not pass this segment; see what has written to the archive, or choose another backup with --backup';

/**
 * Checks the header of a WAL segment, as the server would before it replays it, but while the old data is still in
 * place. `object` names the segment in errors. Source: PostgreSQL, src/backend/access/transam/xlogreader.c
 * (XLogReaderValidatePageHeader). There, the timeline of a page must not be lower than that of the page before. A new
 * timeline's first segment begins with a copy of the old one's pages (XLogInitNewTimeline).
 */
export function checkSegment(object: string, expected: ExpectedSegment): SegmentCheck {
  let head = Buffer.alloc(0);
  let sizeBytes = 0;
  return {
    update(chunk) {
      sizeBytes += chunk.length;
      if (head.length < WAL_PAGE_HEADER_BYTES) {
        head = Buffer.concat([head, chunk.subarray(0, WAL_PAGE_HEADER_BYTES - head.length)]);
        if (head.length === WAL_PAGE_HEADER_BYTES) checkHead(object, head, expected);
      }
      if (sizeBytes > expected.segmentSizeBytes)
        throw wrongSize(object, `more than ${expected.segmentSizeBytes}`, expected);
    },
    end() {
      if (sizeBytes !== expected.segmentSizeBytes) throw wrongSize(object, String(sizeBytes), expected);
    },
  };
}

function checkHead(object: string, head: Buffer, expected: ExpectedSegment): void {
  const { name, segmentSizeBytes } = expected;
  const header = readWalPageHeader(head);
  const encryption = header ? undefined : encryptionOf(head);
  if (encryption !== undefined) throw corrupt(`${object} is encrypted (${encryption}), which ODO does not read`);
  if (!header && isNewerWalPage(head)) throw newerWal(object);
  if (!header) throw corrupt(`${object} does not begin like a WAL segment of a PostgreSQL that ODO knows (offset 0)`);
  const { timeline, segmentNumber } = parseSegmentName(name, segmentSizeBytes);
  const pageLsn = formatLsn(BigInt(segmentNumber) * BigInt(segmentSizeBytes));
  const say = (what: string, offset: number, found: string | number, wanted: string | number) => {
    throw ofAnother(object, what, offset, found, wanted);
  };
  const { postgresMajor, systemIdentifier } = expected;
  if (postgresMajor !== undefined && header.postgresMajor !== postgresMajor) {
    say('version of PostgreSQL', 0, header.postgresMajor, postgresMajor);
  }
  const timelineFits = header.timeline === timeline || (expected.isFirstOfTimeline && header.timeline < timeline);
  if (!timelineFits || header.timeline === 0) say('timeline', 4, header.timeline, timeline);
  if (header.pageLsn !== pageLsn) say('place in the WAL', 8, header.pageLsn, pageLsn);
  demandCluster(object, header, systemIdentifier);
  if (header.segmentSizeBytes !== segmentSizeBytes) say('segment size', 32, header.segmentSizeBytes, segmentSizeBytes);
  // Any size that a server can be built with; 8192 as a rule.
  if (![1, 2, 4, 8, 16, 32, 64].includes(header.blockSizeBytes / 1024))
    say('page size', 36, header.blockSizeBytes, 8192);
}

/**
 * `dataCorrupt` for a segment of another cluster, however sound it is. An unknown system identifier is not judged.
 * @param object names the segment in the error
 */
export function demandCluster(
  object: string,
  header: Pick<WalPageHeader, 'systemIdentifier'>,
  systemIdentifier: string | undefined,
): void {
  if (systemIdentifier === undefined || header.systemIdentifier === systemIdentifier) return;
  throw ofAnother(object, 'cluster (system identifier)', 24, header.systemIdentifier, systemIdentifier);
}

function ofAnother(object: string, what: string, offset: number, found: string | number, wanted: string | number) {
  return corrupt(`${object} is of another ${what} (offset ${offset}): ${found} where ${wanted} is expected`);
}

function wrongSize(object: string, bytes: string, { segmentSizeBytes }: ExpectedSegment): OdoError {
  return corrupt(`${object} holds ${bytes} bytes where a WAL segment has ${segmentSizeBytes}`);
}

/** The error for WAL of a PostgreSQL whose format ODO does not know. Such WAL need not be damaged. */
export function newerWal(object: string): OdoError {
  return new OdoError(
    'versionMismatch',
    `${object} is WAL of a PostgreSQL newer than ${NEWEST_MAJOR}, which this ODO does not know`,
    {
      hint: 'see whether there is a newer ODO',
    },
  );
}

function corrupt(message: string): OdoError {
  return new OdoError('dataCorrupt', message, { hint: HINT });
}
