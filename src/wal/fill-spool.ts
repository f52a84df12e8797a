import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import type { WalArchive, WalFile } from '../formats/format.ts';
import { isSegmentName } from '../postgres/wal-names.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Owner } from '../target/place.ts';
import { checkSegment, type SegmentCheck } from './check-segment.ts';
import { MAX_HISTORY_BYTES, streamWalFile } from './read-wal-file.ts';
import { filesToReplay } from './replay-files.ts';
import { COMPLETE_MARKER } from './restore-command.ts';
import type { WalPlan } from './wal-plan.ts';

/** How many files are on their way at once: enough to hide the latency of a request each, few enough to keep memory flat. */
const IN_FLIGHT = 6;

export interface SpoolJob {
  store: ObjectStore;
  /** Where segments come from; without one the spool stays empty (the backup brings its own WAL). */
  archive?: WalArchive | undefined;
  plan?: Extract<WalPlan, { source: 'archive' }>;
  /** What the backup says of its cluster; every segment must be of it. Without it, only sizes are checked. */
  cluster?: { postgresMajor?: number | undefined; systemIdentifier?: string | undefined };
  /** The spool's directory; created here. */
  spool: string;
  owner?: Owner | undefined;
  /** Segments that an interrupted run left in the spool are whole and need not be fetched again. */
  reuse?: boolean;
  /** Told what has been done. */
  tally: { read(bytes: number): void; wrote(bytes: number): void; segment(): void; reusedSegment(sizeBytes: number): void };
  signal: AbortSignal;
}

/**
 * Fetches all WAL that recovery will ask for, many files at once, and then marks the spool as complete. An archive that has less by now than
 * when the plan was made is backupIncomplete: what it lacks must not pass for the end of the WAL.
 */
export async function fillSpool(job: SpoolJob): Promise<void> {
  const marker = path.join(job.spool, COMPLETE_MARKER);
  fs.rmSync(job.reuse ? marker : job.spool, { recursive: true, force: true });
  makeOwned(job, () => fs.mkdirSync(job.spool, { recursive: true, mode: 0o700 }), job.spool);
  const files = filesOf(job)[Symbol.asyncIterator]();
  let fetched = 0;
  const stop = new AbortController();
  const signal = AbortSignal.any([job.signal, stop.signal]);
  const workers = Array.from({ length: IN_FLIGHT }, async () => {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      await fetchFile(job, next.value, signal);
      fetched += 1;
    }
  });
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
  checkWhole(job, fetched);
  makeOwned(job, () => fs.writeFileSync(marker, ''), marker);
}

async function* filesOf({ archive, plan, signal }: SpoolJob): AsyncGenerator<WalFile> {
  if (!archive || !plan) return;
  const wanted = new Set(plan.histories);
  for (const file of await archive.histories(signal)) if (wanted.has(file.name)) yield file;
  for await (const step of filesToReplay(archive, plan.spans, plan.segmentSizeBytes, signal)) {
    if (step.kind === 'hole') return;
    yield step.file;
  }
}

/** Writes under a temporary name, so that a file in the spool is always a whole one. */
async function fetchFile(job: SpoolJob, file: WalFile, signal: AbortSignal): Promise<void> {
  const target = path.join(job.spool, file.name);
  if (job.reuse && isSegmentName(file.name) && fs.existsSync(target)) {
    job.tally.reusedSegment(file.sizeBytes);
    return;
  }
  const temporary = `${target}.incoming`;
  const fd = fs.openSync(temporary, 'w', 0o600);
  const check = checkOf(job, file);
  try {
    for await (const chunk of streamWalFile(job.store, file, { signal, onBytes: (bytes) => job.tally.read(bytes) })) {
      check.update(chunk);
      for (let done = 0; done < chunk.length; ) done += fs.writeSync(fd, chunk, done, chunk.length - done);
      job.tally.wrote(chunk.length);
    }
    if (job.owner && process.getuid?.() === 0) fs.fchownSync(fd, job.owner.uid, job.owner.gid);
  } finally {
    fs.closeSync(fd);
  }
  check.end();
  fs.renameSync(temporary, target);
  if (isSegmentName(file.name)) job.tally.segment();
}

function checkOf({ store, plan, cluster }: SpoolJob, file: WalFile): SegmentCheck {
  const object = `${store.url}/${file.key}`;
  if (!isSegmentName(file.name) || !plan) return checkSize(object, { maxBytes: MAX_HISTORY_BYTES });
  const { segmentSizeBytes } = plan;
  if (!cluster) return checkSize(object, { minBytes: segmentSizeBytes, maxBytes: segmentSizeBytes });
  const isFirstOfTimeline = plan.spans.some(({ firstSegment }) => firstSegment === file.name);
  return checkSegment(object, { name: file.name, segmentSizeBytes, isFirstOfTimeline, ...cluster });
}

function checkSize(object: string, { minBytes = 0, maxBytes }: { minBytes?: number; maxBytes: number }): SegmentCheck {
  let sizeBytes = 0;
  const refuse = (wanted: string) => {
    throw new OdoError('dataCorrupt', `${object} holds ${sizeBytes} bytes where ${wanted}`, {
      hint: 'the archive is damaged there; recovery could not pass this file',
    });
  };
  return {
    update(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) refuse(`such a file has ${maxBytes} at most`);
    },
    end() {
      if (sizeBytes < minBytes) refuse(`a WAL segment has ${minBytes}`);
    },
  };
}

function checkWhole({ store, plan }: SpoolJob, fetched: number): void {
  const planned = plan === undefined ? 0 : plan.segments + plan.histories.length;
  if (fetched >= planned) return;
  throw new OdoError(
    'backupIncomplete',
    `the WAL archive in ${store.url} has lost files: it had ${planned} to replay, and now ${fetched}`,
    {
      hint: 'see what deletes from the archive (a retention policy?), then run again',
    },
  );
}

function makeOwned(job: SpoolJob, make: () => void, file: string): void {
  make();
  if (job.owner && process.getuid?.() === 0) fs.chownSync(file, job.owner.uid, job.owner.gid);
}
