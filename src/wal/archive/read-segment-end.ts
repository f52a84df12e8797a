import { OdoError } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { formatLsn, parseLsn, parseSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { createWalBehind, type WalBehind } from '../../postgres/wal/wal-goes-on.ts';
import { readWalPageHeader } from '../../postgres/wal/wal-page.ts';
import { createRecordWalker, type RecordWalker, WAL_PAGE_SIZES } from '../../postgres/wal/wal-records.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { demandCluster } from './check-segment.ts';
import { eitherTwin } from './either-twin.ts';
import { inPieces } from './in-pieces.ts';
import { fastCrc32c, PIECE_BYTES } from './pg-wal-files.ts';
import type { ReadSegmentOptions } from './read-segment.ts';
import { streamWalFile } from './read-wal-file.ts';

/** How the records in one archived segment end. */
export interface SegmentEnd {
  /** Where the last whole record begins that begins in the segment; absent when none does. */
  lastLsn?: string;
  /** The end of the last whole record that ends in the segment; the segment's own beginning when none does. */
  endLsn: string;
  /**
   * Why the records end before the segment does, with the position. Absent when they do not, or when the server
   * switched to the next segment.
   */
  because?: string;
  /** More was written behind the end of the records, so the segment is damaged there. */
  isDamaged: boolean;
}

/**
 * Reads an archived segment record by record, as recovery does. undefined when the archive has no segment of that name.
 * `dataCorrupt` when it cannot be read as a segment of that size and cluster.
 */
export async function readSegmentEnd(
  store: ObjectStore,
  archive: WalArchive,
  name: string,
  segmentSizeBytes: number,
  options: Pick<ReadSegmentOptions, 'signal' | 'systemIdentifier'> = {},
): Promise<SegmentEnd | undefined> {
  for await (const file of archive.segments(timelineOfName(name), name, options.signal)) {
    if (file.name !== name) break;
    return eitherTwin(file, (object) => walk(store, object, segmentSizeBytes, options));
  }
  return undefined;
}

async function walk(
  store: ObjectStore,
  file: WalFile,
  segmentSizeBytes: number,
  { signal, systemIdentifier: wanted }: Pick<ReadSegmentOptions, 'signal' | 'systemIdentifier'>,
): Promise<SegmentEnd> {
  let walker: RecordWalker | undefined;
  let behind: WalBehind | undefined;
  let at = 0;
  let startLsn = 0n;
  let origin = { postgresMajor: 0, timeline: 0, pageBytes: 0 };
  /** The last page of the piece before: a fault in a record may show only in the page behind it. */
  let lastPage: Buffer = Buffer.alloc(0);
  for await (const piece of inPieces(streamWalFile(store, file, { signal }), PIECE_BYTES)) {
    if (!walker) {
      const header = readWalPageHeader(piece);
      if (!header) throw notSegment(store, file, 'does not begin like a WAL segment');
      demandCluster(`${store.url}/${file.key}`, header, wanted);
      const { postgresMajor, systemIdentifier } = header;
      const timeline = timelineOfName(file.name);
      startLsn = parseLsn(header.pageLsn);
      const { segmentNumber } = parseSegmentName(file.name, segmentSizeBytes);
      if (startLsn !== BigInt(segmentNumber) * BigInt(segmentSizeBytes)) {
        throw notSegment(store, file, 'is of another place in the WAL');
      }
      origin = { postgresMajor, timeline, pageBytes: header.blockSizeBytes };
      if (!WAL_PAGE_SIZES.includes(origin.pageBytes))
        throw notSegment(store, file, 'has pages of no size that there is');
      walker = createRecordWalker({ postgresMajor, systemIdentifier, segmentSizeBytes, timeline }, {}, fastCrc32c);
    }
    if (!walker.feed(piece)) {
      if (!behind) {
        behind = createWalBehind(origin, walker.endLsn ?? startLsn, fastCrc32c);
        behind.feed(lastPage, startLsn + BigInt(at - lastPage.length));
      }
      behind.feed(piece, startLsn + BigInt(at));
    }
    at += piece.length;
    lastPage = Buffer.from(piece.subarray(-origin.pageBytes));
  }
  if (!walker || at !== segmentSizeBytes)
    throw notSegment(store, file, `is not a WAL segment of ${segmentSizeBytes} bytes`);
  const { lastLsn, endLsn = startLsn, end } = walker;
  return {
    ...(lastLsn === undefined ? {} : { lastLsn: formatLsn(lastLsn) }),
    endLsn: formatLsn(endLsn),
    ...(end === undefined ? {} : { because: end }),
    isDamaged: behind?.goesOn === true,
  };
}

function notSegment(store: ObjectStore, file: WalFile, what: string): OdoError {
  return new OdoError('dataCorrupt', `${store.url}/${file.key} ${what}`, {
    hint: 'see what has written to the archive',
  });
}
