import fs from 'node:fs';
import path from 'node:path';
import { isIncremental, leadsOut, mayBeLink, placeBaseMember } from '../../cluster/base-members.ts';
import { cancelled, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { Content, Format, Unit } from '../../formats/contract/format.ts';
import { formatNamed } from '../../formats/registry/registry.ts';
import type { Tally } from '../../progress/tally.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { createBlockPool } from '../../stream/blocks/block-pool.ts';
import type { TarEntry } from '../../stream/bytes/entry.ts';
import { freeing } from '../../stream/bytes/freeing.ts';
import type { Layer } from '../../stream/bytes/layers.ts';
import { untar } from '../../stream/bytes/untar.ts';
import { heldControlFile, incomingDir, ODO_DIR, type Place } from '../../tree/places/place.ts';
import type { RoomOf } from '../../tree/writing/room.ts';
import { createTreeWriter } from '../../tree/writing/tree-writer.ts';
import type { WriteBack } from '../../tree/writing/write-back.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { type ManifestCheck, openManifestCheck } from '../staging/manifest-check.ts';
import type { Staging } from '../staging/staging.ts';
import { shareOut } from './share-out.ts';
import { createRepeats, finishInOrder } from './unit-order.ts';
import { createUnpacker, type Unpacker } from './unpacker.ts';

/**
 * Streams every unit of the backup into the `incoming` directories: store → ranges → decompress → untar → files.
 * Several units are laid down at once. What can be checked is checked on the way, also against backup_manifest if there
 * is one. `noted` resolves when all units are on the disk and noted as finished, so that no later run builds on what
 * was lost on its way there.
 * Errors: `dataCorrupt` for anything that is wrong.
 */
export async function layDownContent(
  job: LayDownJob,
  content: Content,
  store: ObjectStore,
  staging: Staging,
  tally: Tally,
  report: Report,
  outerSignal: AbortSignal,
  writeBack: WriteBack,
  roomOf: RoomOf,
): Promise<{ noted: Promise<unknown> }> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outerSignal, stop.signal]);
  const { mayRepeat } = formatNamed(job.backup.format);
  const manifest = await openManifestCheck(store, job.backup, signal);
  const share = shareOut(job.run, content.count);
  const blockPool = createBlockPool(share.blocks.threads);
  const common = { job, store, manifest, tally, report, signal, resuming: staging.resuming, writeBack };
  const context = { ...common, roomOf, mayRepeat, isSuperseded: createRepeats(mayRepeat) };
  const finish = finishInOrder(staging);
  const noting: Promise<void>[] = [];
  const waiting = content.units()[Symbol.asyncIterator]();

  /** Flushes a unit to the disk and notes it as finished, beside the next unit. */
  async function note(unit: Unit): Promise<void> {
    try {
      await writeBack.flush();
      finish(unit);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  }

  /** Takes one unit after the other until none is left. */
  async function work(): Promise<void> {
    const unpacker = createUnpacker(store, share, blockPool);
    try {
      for (;;) {
        const { done, value: unit } = await waiting.next();
        if (done) return;
        if (signal.aborted) throw cancelled(signal.reason);
        if (staging.isFinished(unit.key)) {
          report({ type: 'note', level: 'info', message: `${store.url}/${unit.key} was laid down before` });
          tally.reusedPart(unit.sizeBytes);
          manifest?.skip(unit);
          finish(unit);
          continue;
        }
        report({ type: 'note', level: 'info', message: `laying down ${store.url}/${unit.key}` });
        await layDownTar(unit, unpacker, context);
        const noted = note(unit);
        // A unit that cannot be noted has stopped all the others. Its error is thrown when they have ended.
        noted.catch(() => undefined);
        noting.push(noted);
      }
    } finally {
      await unpacker.close();
    }
  }

  const workers = Array.from({ length: share.atOnce }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(workers);
    const notes = await Promise.allSettled(noting);
    // A unit that could not be noted has stopped the others, so its error comes first.
    throw notes.find((outcome) => outcome.status === 'rejected')?.reason ?? error;
  } finally {
    await blockPool.close();
  }
  manifest?.finish();
  const noted = Promise.all(noting);
  noted.catch(() => undefined);
  return { noted };
}

/** What the units of one backup have in common. */
interface Context {
  job: LayDownJob;
  store: ObjectStore;
  manifest: ManifestCheck | undefined;
  tally: Tally;
  report: Report;
  signal: AbortSignal;
  resuming: boolean;
  roomOf: RoomOf;
  writeBack: WriteBack;
  mayRepeat: Format['mayRepeat'];
  isSuperseded: (entry: TarEntry, unit: Unit) => boolean;
}

async function layDownTar(unit: Unit, unpacker: Unpacker, context: Context): Promise<void> {
  const { job, store, manifest, tally, report, signal, resuming } = context;
  const pgdata = job.places.pgdata;
  const root = rootOf(unit, job);
  if (fs.mkdirSync(root, { recursive: true, mode: 0o700 }) && job.owner && process.getuid?.() === 0) {
    fs.chownSync(root, job.owner.uid, job.owner.gid);
  }
  let countedFiles = 0;
  const countFiles = () => {
    tally.files(writer.files - countedFiles);
    countedFiles = writer.files;
  };
  const room = context.roomOf(root).claim();
  const writer = createTreeWriter({
    root,
    room,
    owner: job.owner,
    reuse: resuming,
    place(entry) {
      if (unit.role !== 'base') return placeOther(entry);
      return context.isSuperseded(entry, unit) ? 'skip' : placeBase(entry, pgdata);
    },
    ...(unit.role === 'base' && context.mayRepeat ? { mayRepeat: context.mayRepeat } : {}),
    onBytes: (bytes) => {
      countFiles();
      tally.wrote(bytes);
      flushAhead(bytes);
    },
  });
  const flushAhead = context.writeBack.flushAhead(root);
  const name = `${store.url}/${unit.key}`;
  const check = await manifest?.begin(unit);
  const accept = (entry: TarEntry) => {
    refuseIncremental(entry, name);
    refuseImpossibleSize(entry, unit, name);
    if (entry.type === 'symlink') judgeLink(entry, unit, name, report);
    return check ? check.watch(entry, () => writer.accept(entry)) : writer.accept(entry);
  };
  const chunks = unpacker.unpack(unit, { name, signal, onBytes: (bytes) => tally.read(bytes) });
  try {
    await untar(freeing(chunks), accept, { name, signal });
    check?.finish();
  } catch (error) {
    throw nameObject(error, name);
  } finally {
    room.release();
  }
  writer.finish();
  countFiles();
  tally.reused(writer.reusedBytes);
}

function rootOf(unit: Unit, job: LayDownJob): string {
  const incoming = incomingDir(job.places.pgdata);
  if (unit.role === 'base') return incoming;
  if (unit.role === 'wal') return path.join(incoming, 'pg_wal');
  const tablespace = job.places.tablespaces.find(({ oid, isLater }) => oid === unit.oid && !isLater);
  if (!tablespace) throw new OdoError('bug', `no place was planned for tablespace ${unit.oid}`);
  return incomingDir(tablespace.place);
}

function placeBase(entry: TarEntry, pgdata: Place): string | 'skip' | undefined {
  const where = placeBaseMember(entry);
  return where === 'held' ? heldControlFile(pgdata) : where === 'skip' ? 'skip' : undefined;
}

function placeOther(entry: TarEntry): 'skip' | undefined {
  return entry.path.split('/')[0] === ODO_DIR ? 'skip' : undefined;
}

function judgeLink(entry: TarEntry, unit: Unit, name: string, report: Report): void {
  if (unit.role === 'base' && placeBaseMember(entry) === 'skip') return;
  const what = `${entry.path}, a link to ${entry.linkName}`;
  if (unit.role !== 'base' || !mayBeLink(entry)) {
    throw new OdoError('dataCorrupt', `${name} holds ${what}: the copy would share the server's own data with it`, {
      hint: 'a cluster with such links cannot be restored from this backup; choose another with --backup',
    });
  }
  if (leadsOut(entry))
    report({ type: 'note', level: 'warning', message: `${what} outside the backup, is kept as a link` });
}

function refuseIncremental(entry: TarEntry, name: string): void {
  if (!isIncremental(entry)) return;
  throw new OdoError('backupIncomplete', `${name} is an incremental backup (it holds ${entry.path})`, {
    hint: 'choose a full backup with --backup, or combine the chain with pg_combinebackup first',
  });
}

/**
 * How many bytes one byte can stand for at most: in deflate 1032, in LZ4 a length byte's 255, in snappy 64 for 3. The
 * others have no such limit, so that only the room on the disk counts.
 */
const MOST_UNPACKED: Partial<Record<Layer, number>> = { gzip: 1032, lz4: 256, snappy: 22 };

/**
 * Refuses a size to which all of the object could not unpack: it is a damaged header's. Done before room is made for
 * it.
 * Errors: `dataCorrupt`.
 */
function refuseImpossibleSize({ path: member, sizeBytes }: TarEntry, unit: Unit, name: string): void {
  const growth = unit.layers.reduce((most, layer) => most * (MOST_UNPACKED[layer] ?? Number.POSITIVE_INFINITY), 1);
  if (sizeBytes <= unit.sizeBytes * growth) return;
  throw new OdoError(
    'dataCorrupt',
    `${name} has ${unit.sizeBytes} bytes, and its member ${member} claims ${sizeBytes}`,
    {
      hint: 'the object was written wrongly or damaged; choose another backup with --backup',
    },
  );
}

/** Adds the object's name to an error. The writer knows members, not where they come from. */
function nameObject(error: unknown, name: string): unknown {
  if (!(error instanceof OdoError) || error.code !== 'dataCorrupt' || error.message.includes(name)) return error;
  return new OdoError('dataCorrupt', `${name}: ${error.message}`, { hint: error.hint, cause: error });
}
