import { OdoError } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';
import { isNewerWalPage } from '../../postgres/terms/versions.ts';
import { readWalPageHeader } from '../../postgres/wal/wal-page.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { demandCluster, newerWal } from './check-segment.ts';
import { eitherTwin } from './either-twin.ts';
import { encryptionOf } from './encryption.ts';
import { streamWalFile } from './read-wal-file.ts';

export interface ReadSegmentOptions {
  signal?: AbortSignal | undefined;
  /** Of the cluster whose segments are read; any cluster's are when it is not known. */
  systemIdentifier?: string | undefined;
  /**
   * Takes zeros for the end of the written WAL. The rest counts as zeros, too, and is not read, so that its size is not
   * checked.
   */
  untilZeros?: boolean;
}

/**
 * Reads a whole archived segment into memory. `dataCorrupt` when it does not begin like a segment of that size, has
 * another size, or is of another cluster.
 */
export function readSegment(
  store: ObjectStore,
  file: WalFile,
  segmentSizeBytes: number,
  options: ReadSegmentOptions = {},
): Promise<Buffer> {
  return eitherTwin(file, (object) => readObject(store, object, segmentSizeBytes, options));
}

/**
 * Zeros in a row that show the end of the written WAL. The largest page that a server can be built with is half of
 * this, so they hold a whole page without a header.
 */
const ENOUGH_ZEROS_BYTES = 128 * 1024;

async function readObject(
  store: ObjectStore,
  file: WalFile,
  segmentSizeBytes: number,
  { signal, systemIdentifier, untilZeros = false }: ReadSegmentOptions,
): Promise<Buffer> {
  const object = `${store.url}/${file.key}`;
  const isBegun = (bytes: Buffer) => {
    const header = readWalPageHeader(bytes);
    if (header) demandCluster(object, header, systemIdentifier);
    return header !== undefined;
  };
  // Behind a switch, a segment is zeros. Memory that nobody has written to yet costs nothing, and reads as zeros.
  const whole = Buffer.alloc(segmentSizeBytes);
  let sizeBytes = 0;
  let zeroBytes = 0;
  for await (const chunk of streamWalFile(store, file, { signal, inRing: true })) {
    const tailBytes = zerosAtEnd(chunk);
    if (tailBytes === chunk.length) zeroBytes += tailBytes;
    else {
      zeroBytes = tailBytes;
      if (sizeBytes + chunk.length <= segmentSizeBytes) chunk.copy(whole, sizeBytes);
    }
    sizeBytes += chunk.length;
    if (untilZeros && zeroBytes >= ENOUGH_ZEROS_BYTES && isBegun(whole)) return whole;
    if (sizeBytes > segmentSizeBytes) break;
  }
  const segment = whole.subarray(0, sizeBytes);
  if (sizeBytes === segmentSizeBytes && isBegun(segment)) return segment;
  const encryption = encryptionOf(segment);
  if (encryption === undefined && isNewerWalPage(segment)) throw newerWal(object);
  const what =
    sizeBytes === segmentSizeBytes
      ? 'does not begin like a WAL segment'
      : `is not a WAL segment of ${segmentSizeBytes} bytes`;
  const fault = encryption === undefined ? what : `is encrypted (${encryption}), which ODO does not read`;
  throw new OdoError('dataCorrupt', `${object} ${fault}`, {
    hint: 'see what has written to the archive; recovery cannot pass it',
  });
}

const ZEROS = Buffer.alloc(64 * 1024);

/** Counts by whole pieces of 64 KiB. */
function zerosAtEnd(chunk: Buffer): number {
  let end = chunk.length;
  while (end > 0) {
    const piece = chunk.subarray(Math.max(0, end - ZEROS.length), end);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) break;
    end -= piece.length;
  }
  return chunk.length - end;
}
