import { OdoError } from '../errors.ts';
import type { WalFile } from '../formats/format.ts';
import { isNewerWalPage } from '../postgres/versions.ts';
import { readWalPageHeader } from '../postgres/wal-page.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { newerWal } from './check-segment.ts';
import { eitherTwin } from './either-twin.ts';
import { encryptionOf } from './encryption.ts';
import { streamWalFile } from './read-wal-file.ts';

/** An archived segment whole, in memory; one that does not begin like a segment of that size, or has another size, is dataCorrupt. */
export function readSegment(store: ObjectStore, file: WalFile, segmentSizeBytes: number, signal?: AbortSignal): Promise<Buffer> {
  return eitherTwin(file, (object) => readObject(store, object, segmentSizeBytes, signal));
}

async function readObject(store: ObjectStore, file: WalFile, segmentSizeBytes: number, signal?: AbortSignal): Promise<Buffer> {
  // Behind a switch a segment is zeros: memory that nobody has written to yet costs nothing, and reads as them.
  const whole = Buffer.alloc(segmentSizeBytes);
  let sizeBytes = 0;
  for await (const chunk of streamWalFile(store, file, { signal })) {
    if (sizeBytes + chunk.length <= segmentSizeBytes && !isZero(chunk)) chunk.copy(whole, sizeBytes);
    sizeBytes += chunk.length;
    if (sizeBytes > segmentSizeBytes) break;
  }
  const segment = whole.subarray(0, sizeBytes);
  if (sizeBytes === segmentSizeBytes && readWalPageHeader(segment)) return segment;
  const encryption = encryptionOf(segment);
  const object = `${store.url}/${file.key}`;
  if (encryption === undefined && isNewerWalPage(segment)) throw newerWal(object);
  const what =
    sizeBytes === segmentSizeBytes ? 'does not begin like a WAL segment' : `is not a WAL segment of ${segmentSizeBytes} bytes`;
  const fault = encryption === undefined ? what : `is encrypted (${encryption}), which ODO does not read`;
  throw new OdoError('dataCorrupt', `${object} ${fault}`, {
    hint: 'see what has written to the archive; recovery cannot pass it',
  });
}

const ZEROS = Buffer.alloc(64 * 1024);

function isZero(chunk: Buffer): boolean {
  for (let at = 0; at < chunk.length; at += ZEROS.length) {
    const piece = chunk.subarray(at, at + ZEROS.length);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}
