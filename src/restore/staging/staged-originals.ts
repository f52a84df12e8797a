import fs from 'node:fs';
import path from 'node:path';
import { asRoot, writeOwned } from '../../cluster/write-owned.ts';
import { writeFileDurably } from '../../tree/places/durable.ts';
import { incomingDir, type Owner, originalsFile, type Place } from '../../tree/places/place.ts';

// A run changes the staged configuration for the server that it was tried on. A later run that goes on from these files
// may have another server before it, since the person has mended what was wrong. So it begins with what the backup
// holds.

/** What the backup has under a name; null when it has nothing. Content is base64. */
type Original = { content: string; mode: number } | { linkName: string } | null;

/**
 * Sets aside what the backup has under this name, before it is changed for the first time. The copy reaches the disk
 * before the change can.
 * @param relative to the data directory
 * @param content what counts as the backup's, when ODO has added to it already
 */
export function keepOriginal(pgdata: Place, relative: string, content?: Buffer): void {
  const kept = readOriginals(pgdata);
  if (Object.hasOwn(kept, relative)) return;
  const original = originalOf(path.join(incomingDir(pgdata), relative));
  const own = original !== null && content !== undefined && 'content' in original;
  const wanted = own ? { ...original, content: content.toString('base64') } : original;
  writeFileDurably(originalsFile(pgdata), JSON.stringify({ ...kept, [relative]: wanted }));
}

/** Puts back what was set aside; can be done any number of times. */
export function putOriginalsBack(pgdata: Place, owner: Owner | undefined): void {
  for (const [relative, original] of Object.entries(readOriginals(pgdata))) {
    const file = path.join(incomingDir(pgdata), relative);
    if (original === null) {
      fs.rmSync(file, { force: true });
    } else if ('content' in original) {
      writeOwned(owner, file, Buffer.from(original.content, 'base64'));
      fs.chmodSync(file, original.mode);
    } else {
      fs.rmSync(file, { force: true });
      fs.symlinkSync(original.linkName, file);
      if (asRoot() && owner) fs.lchownSync(file, owner.uid, owner.gid);
    }
  }
}

function originalOf(file: string): Original {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) return { linkName: fs.readlinkSync(file) };
  if (!stat?.isFile()) return null;
  return { content: fs.readFileSync(file).toString('base64'), mode: stat.mode & 0o7777 };
}

function readOriginals(pgdata: Place): Record<string, Original> {
  const file = originalsFile(pgdata);
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, Original>) : {};
}
