import fs from 'node:fs';
import path from 'node:path';
import { parseLsn, parseSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { readWalPageHeader, WAL_PAGE_HEADER_BYTES, type WalPageHeader } from '../../postgres/wal/wal-page.ts';
import { salvagedIn } from './salvage-archive.ts';

const PIECE_BYTES = 1 << 20;

/** WAL that was set aside, as far as the files hold what their names say. */
export interface AsideWal {
  directory: string;
  names: string[];
  /** undefined where a segment does not begin like one. */
  systemIdentifier: string | undefined;
  timeline: number;
  /** How many bytes of the last segment are written. */
  lastBytes: number;
  /** The position at which those bytes end. */
  endLsn: bigint;
}

/**
 * Looks at segments that were set aside; undefined when there are none. A linked file is still the server's own file,
 * which the server may have used again under another name. From there on nothing is left of what was set aside, and the
 * server has that WAL.
 */
export function lookAtAside(directory: string): AsideWal | undefined {
  const files = salvagedIn(directory);
  const names: string[] = [];
  let header: WalPageHeader | undefined;
  let isUnknown = false;
  for (const { name, sizeBytes } of files) {
    header = headerOf(path.join(directory, name));
    isUnknown ||= header === undefined;
    if (header && parseLsn(header.pageLsn) !== beginOf(name, sizeBytes)) break;
    names.push(name);
  }
  const [first, last] = [names[0], names.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const sizeBytes = fs.statSync(path.join(directory, last)).size;
  const lastBytes = writtenBytes(path.join(directory, last), sizeBytes);
  return {
    directory,
    names,
    systemIdentifier: isUnknown ? undefined : headerOf(path.join(directory, first))?.systemIdentifier,
    timeline: timelineOfName(last),
    lastBytes,
    endLsn: beginOf(last, sizeBytes) + BigInt(lastBytes),
  };
}

/**
 * Whether another directory has the same WAL: each segment under its name, and the last one with the same bytes. A
 * server that has gone another way could not have written these.
 */
export function hasAllOf(directory: string, { names, systemIdentifier, lastBytes, ...aside }: AsideWal): boolean {
  const last = names.at(-1) as string;
  const isThere = (name: string) => {
    const [own, other] = [aside.directory, directory].map((folder) => headerOf(path.join(folder, name)));
    return other !== undefined && other.systemIdentifier === systemIdentifier && other.pageLsn === own?.pageLsn;
  };
  return names.every(isThere) && beginAlike(path.join(aside.directory, last), path.join(directory, last), lastBytes);
}

function beginOf(name: string, segmentSizeBytes: number): bigint {
  return BigInt(parseSegmentName(name, segmentSizeBytes).segmentNumber) * BigInt(segmentSizeBytes);
}

function headerOf(file: string): WalPageHeader | undefined {
  const head = Buffer.alloc(WAL_PAGE_HEADER_BYTES);
  return fs.existsSync(file) && readAt(file, head, 0) === head.length ? readWalPageHeader(head) : undefined;
}

/** How many bytes a file has up to its last one that is not zero. */
function writtenBytes(file: string, sizeBytes: number): number {
  for (let end = sizeBytes; end > 0; ) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, end));
    readAt(file, piece, end - piece.length);
    const last = piece.findLastIndex((byte) => byte !== 0);
    if (last >= 0) return end - piece.length + last + 1;
    end -= piece.length;
  }
  return 0;
}

function beginAlike(one: string, other: string, bytes: number): boolean {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const [own, theirs] = [one, other].map((file) => {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes - at));
      return readAt(file, piece, at) === piece.length ? piece : undefined;
    });
    if (!own || !theirs || !own.equals(theirs)) return false;
  }
  return true;
}

function readAt(file: string, into: Buffer, position: number): number {
  const fd = fs.openSync(file, 'r');
  try {
    return fs.readSync(fd, into, 0, into.length, position);
  } finally {
    fs.closeSync(fd);
  }
}
