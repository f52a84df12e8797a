import fs from 'node:fs';
import { encodeConfiguration } from '../postgres/configuration/configuration-text.ts';
import { writeFileDurably } from '../tree/places/durable.ts';
import type { Owner } from '../tree/places/place.ts';

/**
 * Puts a new file in place in one step: a run that resumes this one reads it again, and must not find it missing or
 * torn. A link that the backup has under that name is replaced, not followed.
 */
export function writeOwned(owner: Owner | undefined, file: string, content: string | Buffer): void {
  const temporary = `${file}.odo`;
  fs.rmSync(temporary, { force: true });
  fs.writeFileSync(temporary, typeof content === 'string' ? encodeConfiguration(content) : content, {
    mode: 0o600,
    flag: 'wx',
  });
  if (asRoot() && owner) fs.chownSync(temporary, owner.uid, owner.gid);
  fs.renameSync(temporary, file);
}

/** Puts a changed file in place, durably, when all others have been flushed to disk already. */
export function writeAmended(file: string, content: string, owner: Owner | undefined): void {
  // The backup may have a link under that name: nothing is written through it.
  fs.rmSync(`${file}.new`, { force: true });
  writeFileDurably(file, encodeConfiguration(content), 0o600, owner);
}

/** Whether this process may give files to others. */
export function asRoot(): boolean {
  return process.getuid?.() === 0;
}
