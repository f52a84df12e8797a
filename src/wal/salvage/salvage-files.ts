import fs from 'node:fs';
import path from 'node:path';
import { parseLsn, segmentsBetween } from '../../postgres/terms/wal-names.ts';
import { syncDirectory } from '../../tree/places/durable.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { Salvage } from './salvage-survey.ts';

const PIECE_BYTES = 1 << 20;

/**
 * Sets the salvaged segments aside, durably. Links are used where possible: they cost neither time nor room. Only the
 * whole records of the last segment are taken over, with zeros behind them: there may be the rest of a torn record, or
 * older WAL.
 */
export function setSalvageAside(
  salvage: Salvage,
  segmentSizeBytes: number,
  from: string,
  to: string,
  owner: Owner | undefined,
): void {
  fs.mkdirSync(to, { recursive: true, mode: 0o700 });
  const { firstSegment, lastSegment, endLsn } = salvage;
  const validBytes = Number(parseLsn(endLsn) % BigInt(segmentSizeBytes));
  for (const name of segmentsBetween(firstSegment, lastSegment, segmentSizeBytes)) {
    const [source, target] = [path.join(from, name), path.join(to, name)];
    fs.rmSync(target, { force: true });
    if (name === lastSegment && validBytes > 0) copyBeginning(source, target, validBytes, segmentSizeBytes);
    else if (!linked(source, target)) copyBeginning(source, target, segmentSizeBytes, segmentSizeBytes);
    if (owner && process.getuid?.() === 0 && name === lastSegment) fs.chownSync(target, owner.uid, owner.gid);
  }
  syncDirectory(to);
}

function linked(source: string, target: string): boolean {
  try {
    fs.linkSync(source, target);
    return true;
  } catch {
    // Another file system, or one without hard links.
    return false;
  }
}

/** Copies so many bytes, and makes the file as large as a segment is. */
function copyBeginning(source: string, target: string, bytes: number, sizeBytes: number): void {
  const input = fs.openSync(source, 'r');
  const output = fs.openSync(target, 'w', 0o600);
  try {
    const buffer = Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes));
    for (let at = 0; at < sizeBytes; at += buffer.length) {
      const wanted = Math.max(0, Math.min(buffer.length, bytes - at));
      let read = 0;
      while (read < wanted) {
        const got = fs.readSync(input, buffer, read, wanted - read, at + read);
        if (got === 0) throw new Error(`${source} is shorter than it was`);
        read += got;
      }
      buffer.fill(0, wanted);
      for (let done = 0; done < buffer.length; )
        done += fs.writeSync(output, buffer, done, buffer.length - done, at + done);
    }
    fs.fsyncSync(output);
  } finally {
    fs.closeSync(input);
    fs.closeSync(output);
  }
}
