import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { translateFsError } from '../places/fs-errors.ts';
import { nearestExisting } from '../places/nearest-existing.ts';
import { ODO_DIR, type Owner, type Place } from '../places/place.ts';

/** Mode bits that no server accepts on its data directory: writing by the group, anything by others. */
const REFUSED_MODE = 0o027;

const PREFIX = 'try-';
const MOVED = '-moved';
/** The age at which a try counts as killed: far more than a try takes, also over a network. */
const STALE_MS = 3_600_000;
const ATTEMPTS = 5;

/** Where the writing is tried. */
interface Tried {
  directory: string;
  /** ODO's folder, where it was not there before. */
  home?: string;
}

/**
 * Does in small what a restore will do: makes a directory and a file, gives them to their owner, renames and removes
 * them. There are file systems on which not even root may do that. Nothing stays. `unsafeTarget` when a step is
 * refused; `noSpace` or `writeFailed` when the disk says so.
 * @param owner undefined: the user's own
 */
export function tryWriting(place: Place, owner: Owner | undefined): void {
  let tried: Tried | undefined;
  let step = 'make a directory in it';
  try {
    tried = makeOwn(place);
    const { directory } = tried;
    const file = path.join(directory, 'file');
    step = 'write a file in it';
    fs.writeFileSync(file, 'a file of a restore\n', { mode: 0o600 });
    if (owner && process.getuid?.() === 0) {
      step = `give a file in it to ${owner.uid}:${owner.gid}`;
      for (const own of [directory, file]) fs.chownSync(own, owner.uid, owner.gid);
      for (const own of [directory, file]) demandOwner(own, owner, place);
    }
    step = 'set the mode of a directory in it';
    fs.chmodSync(directory, 0o700);
    demandMode(directory, place);
    step = 'rename in it';
    fs.renameSync(file, `${file}-moved`);
    fs.renameSync(directory, `${directory}${MOVED}`);
    step = 'remove a file in it';
    fs.rmSync(`${directory}${MOVED}`, { recursive: true });
  } catch (error) {
    throw refused(error, place, step);
  } finally {
    if (tried) cleanUp(tried);
  }
}

/**
 * Makes a directory of this run alone: others may try the same place, or one beside it, at the same moment. It lies in
 * ODO's folder, where it does no harm if it is left. For a place that does not exist yet, it lies in the nearest
 * directory above.
 */
function makeOwn({ odoDir }: Place): Tried {
  const above = path.dirname(odoDir);
  if (!fs.existsSync(above)) {
    const parent = nearestExisting(above);
    removeStale(parent, `${ODO_DIR}-${PREFIX}`);
    return { directory: fs.mkdtempSync(path.join(parent, `${ODO_DIR}-${PREFIX}`)) };
  }
  for (let attempt = 1; ; attempt++) {
    try {
      const home = fs.mkdirSync(odoDir, { recursive: true, mode: 0o700 });
      removeStale(odoDir, PREFIX);
      return { directory: fs.mkdtempSync(path.join(odoDir, PREFIX)), ...(home === undefined ? {} : { home }) };
    } catch (error) {
      // Another run has just removed the folder, which was empty.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Removes the directories of runs that were killed in the middle. */
function removeStale(parent: string, prefix: string): void {
  for (const name of fs.readdirSync(parent)) {
    const file = path.join(parent, name);
    const left = name.startsWith(prefix) ? fs.statSync(file, { throwIfNoEntry: false }) : undefined;
    if (left && Date.now() - left.mtimeMs > STALE_MS) fs.rmSync(file, { recursive: true, force: true });
  }
}

function demandOwner(file: string, owner: Owner, { root }: Place): void {
  const { uid, gid } = fs.statSync(file);
  if (uid === owner.uid && gid === owner.gid) return;
  const wanted = `${owner.uid}:${owner.gid}`;
  throw new OdoError(
    'unsafeTarget',
    `what is made in ${root} belongs to ${uid}:${gid}, also when it is given to ${wanted}`,
    {
      hint: HINT,
    },
  );
}

function demandMode(directory: string, { root }: Place): void {
  const mode = fs.statSync(directory).mode & 0o777;
  if ((mode & REFUSED_MODE) === 0) return;
  throw new OdoError(
    'unsafeTarget',
    `directories in ${root} have the mode 0${mode.toString(8)}, also when 0700 is set`,
    {
      hint: `no server starts on such a data directory. ${HINT}`,
    },
  );
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
  'NFS with root_squash, CIFS, vfat and mounts with mapped users are such places: mount it so that root may ' +
  'give files away there, or with the ' +
  "server's user as the owner of all; or take another volume; --owner UID:GID names another owner";

/** Cleans up as far as possible: the reason for any failure is told already. */
function cleanUp({ directory, home }: Tried): void {
  try {
    for (const left of [directory, `${directory}${MOVED}`]) fs.rmSync(left, { recursive: true, force: true });
    if (home !== undefined) fs.rmdirSync(home);
  } catch {
    // Another run has begun to use the folder.
  }
}
