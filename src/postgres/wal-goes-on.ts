import { majorOfWalPage } from './versions.ts';

const HEADER_BYTES = 24;
const IS_CONTRECORD = 0x0001;

/** Looks at the pages behind a place where WAL can be read no farther. */
export interface WalBehind {
  /** Whole pages, in their order. */
  feed(pages: Uint8Array, startLsn: bigint): void;
  /**
   * A later record was written. So the place is damaged: the end of WAL has nothing behind it but zeros, what was there before, and the
   * rest of the one record that was being written.
   */
  readonly goesOn: boolean;
}

/** @param fromLsn pages that begin before it are passed over */
export function createWalBehind(
  origin: { postgresMajor: number; timeline: number; pageBytes: number },
  fromLsn: bigint,
): WalBehind {
  let hasRecordEnded = false;
  const behind = { goesOn: false, feed };

  function feed(pages: Uint8Array, startLsn: bigint): void {
    const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
    for (let at = 0; at + HEADER_BYTES <= pages.length && !behind.goesOn; at += origin.pageBytes) {
      const lsn = startLsn + BigInt(at);
      if (lsn < fromLsn || !isOfThisWal(pages, view, at, lsn)) continue;
      const isRest = (view.getUint16(at + 2, true) & IS_CONTRECORD) !== 0;
      if (hasRecordEnded || !isRest) behind.goesOn = true;
      else hasRecordEnded = view.getUint32(at + 16, true) <= origin.pageBytes - HEADER_BYTES;
    }
  }

  function isOfThisWal(pages: Uint8Array, view: DataView, at: number, lsn: bigint): boolean {
    if (majorOfWalPage(pages.subarray(at, at + 2)) !== origin.postgresMajor) return false;
    return view.getBigUint64(at + 8, true) === lsn && view.getUint32(at + 4, true) <= origin.timeline;
  }

  return behind;
}
