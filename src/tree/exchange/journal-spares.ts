import fs from 'node:fs';
import path from 'node:path';
import { syncDirectory } from '../places/durable.ts';
import { type Journal, journalFile, journalText } from './journal.ts';

/**
 * The way back from the middle of an exchange takes so many entries in the journal: moving-back, moving-out, staged. A
 * rollback that sets aside has one more: setting-aside, swapped.
 */
const SPARES = 4;
/** A later state of the journal may be longer by so much. */
const SLACK_BYTES = 256;

/**
 * Takes room for the journal beforehand, so that the way back from an exchange can be noted on a disk that is full by
 * then. When this throws for want of room, nothing has been moved yet.
 */
export function makeSpares(odoDir: string, journal: Journal): void {
  const bytes = Buffer.byteLength(journalText(journal)) + SLACK_BYTES;
  for (const file of sparesIn(odoDir)) {
    if (sizeOf(file) < bytes) takeRoom(file, bytes);
  }
}

export function removeSpares(odoDir: string): void {
  for (const file of sparesIn(odoDir)) fs.rmSync(file, { force: true });
}

/**
 * Writes the journal over a spare and puts that in its place, as durable as writeJournal() does it. False when there is
 * none that is large enough.
 */
export function writeJournalToSpare(odoDir: string, journal: Journal): boolean {
  const text = Buffer.from(journalText(journal));
  for (const file of sparesIn(odoDir)) {
    const sizeBytes = sizeOf(file);
    if (sizeBytes < text.length) continue;
    const fd = fs.openSync(file, 'r+');
    try {
      // Blanks to its end: a shorter file would give its blocks back, and the next writer might take them.
      fs.writeSync(fd, Buffer.concat([text, Buffer.alloc(sizeBytes - text.length, ' ')]), 0, sizeBytes, 0);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(file, journalFile(odoDir));
    syncDirectory(odoDir);
    return true;
  }
  return false;
}

/** Flushed, since only then it is certain that there are blocks for it. */
function takeRoom(file: string, bytes: number): void {
  const fd = fs.openSync(file, 'w', 0o600);
  try {
    fs.writeFileSync(fd, ' '.repeat(bytes));
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function sparesIn(odoDir: string): string[] {
  return Array.from({ length: SPARES }, (_, index) => path.join(odoDir, `journal.spare-${index + 1}`));
}
