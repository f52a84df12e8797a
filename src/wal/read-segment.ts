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
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of streamWalFile(store, file, { signal })) {
    sizeBytes += chunk.length;
    if (sizeBytes > segmentSizeBytes) break;
    chunks.push(chunk);
  }
  const segment = Buffer.concat(chunks);
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
