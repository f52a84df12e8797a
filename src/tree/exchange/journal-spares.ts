import fs from 'node:fs';
import path from 'node:path';
import { syncDirectory } from '../places/durable.ts';
import { type Journal, journalFile, journalText } from './journal.ts';

/**
 * The number of spare journal files. The way back from the middle of an exchange writes three entries: moving-back,
 * moving-out, staged. A rollback that sets aside writes four: moving-back, moving-out, setting-aside, swapped.
 */
const SPARES = 4;
/** How much longer a later state of the journal may be. */
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
 * Writes the journal over a spare and puts the spare in its place, as durably as writeJournal() does. False when no
 * spare is large enough.
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

/** Writes and flushes a file: only then is it certain that it has its blocks. */
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
