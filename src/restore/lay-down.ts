import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Part } from '../formats/format.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { readRanged } from '../store/ranged-read.ts';
import type { Codec } from '../stream/codec.ts';
import { decompress } from '../stream/decompress.ts';
import { freeing } from '../stream/freeing.ts';
import { untar } from '../stream/untar.ts';
import type { TarEntry } from '../target/entry.ts';
import { heldControlFile, incomingDir, ODO_DIR, type Place } from '../target/place.ts';
import { createRoomGuard } from '../target/room.ts';
import { createTreeWriter } from '../target/tree-writer.ts';
import { isIncremental, leadsOut, mayBeLink, mayRepeat, placeBaseMember } from './base-members.ts';
import type { LayDownJob } from './engine.ts';
import { type ManifestCheck, openManifestCheck } from './manifest-check.ts';
import type { Staging } from './staging.ts';
import type { Tally } from './tally.ts';

/** What is unpacked and written at a time: a quarter of it costs half as much again. */
const CHUNK_BYTES = 1 << 20;

/**
 * Streams every part of the backup into the `incoming` directories: store → ranges → decompress → untar → files. What can be checked is
 * checked on the way, against backup_manifest where there is one; anything wrong is dataCorrupt.
 */
export async function layDownParts(
  job: LayDownJob,
  store: ObjectStore,
  staging: Staging,
  tally: Tally,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const manifest = await openManifestCheck(store, job.backup, signal);
  for (const part of job.backup.parts) {
    if (staging.isFinished(part.key)) {
      report({ type: 'note', level: 'info', message: `${store.url}/${part.key} was laid down before` });
      tally.reusedPart(part.sizeBytes);
      manifest?.skip(part);
      continue;
    }
    report({ type: 'note', level: 'info', message: `laying down ${store.url}/${part.key}` });
    await layDownPart(part, job, store, staging, manifest, tally, report, signal);
    staging.finishPart(part.key);
  }
  manifest?.finish();
}

async function layDownPart(
  part: Part,
  job: LayDownJob,
  store: ObjectStore,
  staging: Staging,
  manifest: ManifestCheck | undefined,
  tally: Tally,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const pgdata = job.target.pgdata;
  const root = rootOf(part, job);
  if (fs.mkdirSync(root, { recursive: true, mode: 0o700 }) && job.owner && process.getuid?.() === 0) {
    fs.chownSync(root, job.owner.uid, job.owner.gid);
  }
  let countedFiles = 0;
  const countFiles = () => {
    tally.files(writer.files - countedFiles);
    countedFiles = writer.files;
  };
  const writer = createTreeWriter({
    root,
    owner: job.owner,
    reuse: staging.resuming,
    place: (entry) => (part.role === 'base' ? placeBase(entry, pgdata) : placeOther(entry)),
    ...(job.backup.format === 'barman' && part.role === 'base' ? { mayRepeat } : {}),
    onBytes: (bytes) => {
      countFiles();
      tally.wrote(bytes);
    },
  });
  const name = `${store.url}/${part.key}`;
  const check = await manifest?.begin(part);
  const demandRoom = createRoomGuard(root);
  const accept = (entry: TarEntry) => {
    refuseIncremental(entry, name);
    refuseImpossibleSize(entry, part, name);
    if (entry.type === 'symlink') judgeLink(entry, part, name, report);
    // What an interrupted run has written takes no more room.
    if (!staging.resuming && entry.type === 'file') demandRoom(entry.sizeBytes);
    return check ? check.watch(entry, () => writer.accept(entry)) : writer.accept(entry);
  };
  const source = readRanged(store, part, { signal, reuseBuffers: part.codec !== 'none', onBytes: (bytes) => tally.read(bytes) });
  try {
    await untar(freeing(decompress(source, part.codec, { name, chunkBytes: CHUNK_BYTES, signal })), accept, { name, signal });
    check?.finish();
  } catch (error) {
    throw nameObject(error, name);
  }
  writer.finish();
  countFiles();
  tally.reused(writer.reusedBytes);
}

function rootOf(part: Part, job: LayDownJob): string {
  const incoming = incomingDir(job.target.pgdata);
  if (part.role === 'base') return incoming;
  if (part.role === 'wal') return path.join(incoming, 'pg_wal');
  const tablespace = job.target.tablespaces.find((candidate) => candidate.oid === part.oid);
  if (!tablespace) throw new OdoError('bug', `no place was planned for tablespace ${part.oid}`);
  return incomingDir(tablespace.place);
}

function placeBase(entry: TarEntry, pgdata: Place): string | 'skip' | undefined {
  const where = placeBaseMember(entry);
  return where === 'held' ? heldControlFile(pgdata) : where === 'skip' ? 'skip' : undefined;
}

function placeOther(entry: TarEntry): 'skip' | undefined {
  return entry.path.split('/')[0] === ODO_DIR ? 'skip' : undefined;
}

function judgeLink(entry: TarEntry, part: Part, name: string, report: Report): void {
  if (part.role === 'base' && placeBaseMember(entry) === 'skip') return;
  const what = `${entry.path}, a link to ${entry.linkName}`;
  if (part.role !== 'base' || !mayBeLink(entry)) {
    throw new OdoError('dataCorrupt', `${name} holds ${what}: the copy would share the server's own data with it`, {
      hint: 'a cluster with such links cannot be restored from this backup; choose another with --backup',
    });
  }
  if (leadsOut(entry)) report({ type: 'note', level: 'warning', message: `${what} outside the backup, is kept as a link` });
}

function refuseIncremental(entry: TarEntry, name: string): void {
  if (!isIncremental(entry)) return;
  throw new OdoError('backupIncomplete', `${name} is an incremental backup (it holds ${entry.path})`, {
    hint: 'choose a full backup with --backup, or combine the chain with pg_combinebackup first',
  });
}

/**
 * How many bytes one byte can stand for at most: in deflate 1032, in LZ4 a length byte's 255, in snappy 64 for 3. The others have no such limit, so that
 * only the room on the disk counts.
 */
const MOST_UNPACKED: Partial<Record<Codec, number>> = { none: 1, gzip: 1032, lz4: 256, snappy: 22 };

/** Before room is made for it: a size that all of the object could not unpack to is a damaged header's. */
function refuseImpossibleSize({ path: member, sizeBytes }: TarEntry, part: Part, name: string): void {
  if (sizeBytes <= part.sizeBytes * (MOST_UNPACKED[part.codec] ?? Number.POSITIVE_INFINITY)) return;
  throw new OdoError('dataCorrupt', `${name} has ${part.sizeBytes} bytes, and its member ${member} claims ${sizeBytes}`, {
    hint: 'the object was written wrongly or damaged; choose another backup with --backup',
  });
}

/** The writer knows members, not where they come from. */
function nameObject(error: unknown, name: string): unknown {
  if (!(error instanceof OdoError) || error.code !== 'dataCorrupt' || error.message.includes(name)) return error;
  return new OdoError('dataCorrupt', `${name}: ${error.message}`, { hint: error.hint, cause: error });
}
