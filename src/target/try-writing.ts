import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import { translateFsError } from './fs-errors.ts';
import { nearestExisting } from './nearest-existing.ts';
import { ODO_DIR, type Owner, type Place } from './place.ts';

/** What no server takes of its data directory: that the group may write to it, or others do anything. */
const REFUSED_MODE = 0o027;

const PREFIX = 'try-';
const MOVED = '-moved';
/** Far more than a try takes, also over a network. */
const STALE_MS = 3_600_000;
const ATTEMPTS = 5;

/**
 * Does in small what a restore will do: makes a directory and a file, gives them to their owner, renames and removes them. There are file systems on
 * which not even root may do that. Nothing stays. Errors: unsafeTarget, or what the disk says.
 * @param owner undefined: the user's own
 */
export function tryWriting(place: Place, owner: Owner | undefined): void {
  let tried: string | undefined;
  let step = 'make a directory in it';
  try {
    tried = makeOwn(place);
    const file = path.join(tried, 'file');
    step = 'write a file in it';
    fs.writeFileSync(file, 'a file of a restore\n', { mode: 0o600 });
    if (owner && process.getuid?.() === 0) {
      step = `give a file in it to ${owner.uid}:${owner.gid}`;
      for (const own of [tried, file]) fs.chownSync(own, owner.uid, owner.gid);
      for (const own of [tried, file]) demandOwner(own, owner, place);
    }
    step = 'set the mode of a directory in it';
    fs.chmodSync(tried, 0o700);
    demandMode(tried, place);
    step = 'rename in it';
    fs.renameSync(file, `${file}-moved`);
    fs.renameSync(tried, `${tried}${MOVED}`);
    step = 'remove a file in it';
    fs.rmSync(`${tried}${MOVED}`, { recursive: true });
  } catch (error) {
    throw refused(error, place, step);
  } finally {
    if (tried !== undefined) cleanUp(place, tried);
  }
}

/**
 * A directory of this run alone: others may try the same place, or one beside it, at the same moment. It lies in ODO's folder, which is no stranger
 * to a place when it is left there; of a place that is yet to be made, in the nearest directory above.
 */
function makeOwn({ odoDir }: Place): string {
  const above = path.dirname(odoDir);
  if (!fs.existsSync(above)) return fs.mkdtempSync(path.join(nearestExisting(above), `${ODO_DIR}-${PREFIX}`));
  for (let attempt = 1; ; attempt++) {
    fs.mkdirSync(odoDir, { recursive: true, mode: 0o700 });
    removeStale(odoDir);
    try {
      return fs.mkdtempSync(path.join(odoDir, PREFIX));
    } catch (error) {
      // Another run has just removed the folder, which was empty.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** What a run has left that was killed in the middle. */
function removeStale(odoDir: string): void {
  for (const name of fs.readdirSync(odoDir)) {
    const file = path.join(odoDir, name);
    const left = name.startsWith(PREFIX) ? fs.statSync(file, { throwIfNoEntry: false }) : undefined;
    if (left && Date.now() - left.mtimeMs > STALE_MS) fs.rmSync(file, { recursive: true, force: true });
  }
}

function demandOwner(file: string, owner: Owner, { root }: Place): void {
  const { uid, gid } = fs.statSync(file);
  if (uid === owner.uid && gid === owner.gid) return;
  const wanted = `${owner.uid}:${owner.gid}`;
  throw new OdoError('unsafeTarget', `what is made in ${root} belongs to ${uid}:${gid}, also when it is given to ${wanted}`, {
    hint: HINT,
  });
}

function demandMode(directory: string, { root }: Place): void {
  const mode = fs.statSync(directory).mode & 0o777;
  if ((mode & REFUSED_MODE) === 0) return;
  throw new OdoError('unsafeTarget', `directories in ${root} have the mode 0${mode.toString(8)}, also when 0700 is set`, {
    hint: `no server starts on such a data directory. ${HINT}`,
  });
}

function refused(error: unknown, { root }: Place, step: string): unknown {
  const translated = translateFsError(error, root);
  const isKnown = error instanceof OdoError || (translated instanceof OdoError && translated.code !== 'unsafeTarget');
  const { code } = error as NodeJS.ErrnoException;
  if (isKnown || code === undefined) return translated;
  return new OdoError('unsafeTarget', `${root} does not take what a restore makes: could not ${step} (${code})`, {
    hint: HINT,
    cause: error,
  });
}

const HINT =
  'NFS with root_squash, CIFS, vfat and mounts with mapped users are such places: mount it so that root may give files away there, or with the ' +
  "server's user as the owner of all; or take another volume; --owner UID:GID names another owner";

/** What it could not remove it cannot help: the reason is told already. */
function cleanUp({ odoDir }: Place, tried: string): void {
  try {
    for (const left of [tried, `${tried}${MOVED}`]) fs.rmSync(left, { recursive: true, force: true });
    if (path.dirname(tried) === odoDir) fs.rmdirSync(odoDir);
  } catch {
    // The folder is in use.
  }
}
