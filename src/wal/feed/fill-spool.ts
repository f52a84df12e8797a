import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { historyName, isHistoryName, isSegmentName } from '../../postgres/terms/wal-names.ts';
import { filesToReplay } from '../plan/replay-files.ts';
import type { WalPlan } from '../plan/wal-plan.ts';
import { takenNumber } from './fetch-histories.ts';
import { type FetchTally, fetchWalFile, type WalSource } from './fetch-wal-file.ts';
import { COMPLETE_MARKER } from './restore-command.ts';

/**
 * How many files are on their way at once: enough to hide the latency of a request each, few enough to keep memory
 * flat.
 */
const IN_FLIGHT = 6;

export interface SpoolJob extends WalSource {
  plan?: Extract<WalPlan, { source: 'archive' }>;
  /** Where segments come from; without one the spool stays empty (the backup brings its own WAL). */
  archive?: WalArchive | undefined;
  /** The spool's directory; created here. */
  spool: string;
  /** Segments that an interrupted run left in the spool are whole and need not be fetched again. */
  reuse?: boolean;
  /** Told what has been done. */
  tally: FetchTally & { segment(): void; reusedSegment(sizeBytes: number): void };
  signal: AbortSignal;
}

/**
 * Fetches all WAL that recovery will ask for, many files at once, and then marks the spool as complete.
 * `backupIncomplete` when the archive has less than when the plan was made: what it lacks must not pass for the end of
 * the WAL.
 */
export async function fillSpool(job: SpoolJob): Promise<void> {
  const marker = path.join(job.spool, COMPLETE_MARKER);
  fs.rmSync(job.reuse ? marker : job.spool, { recursive: true, force: true });
  makeOwned(job, () => fs.mkdirSync(job.spool, { recursive: true, mode: 0o700 }), job.spool);
  // The histories of this run may be others than those that an interrupted run has found.
  for (const name of fs.readdirSync(job.spool).filter(isHistoryName)) fs.rmSync(path.join(job.spool, name));
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
  for (const timeline of job.plan?.passedOver ?? []) {
    const file = path.join(job.spool, historyName(timeline));
    makeOwned(job, () => fs.writeFileSync(file, takenNumber(timeline), { mode: 0o600 }), file);
  }
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

async function fetchFile(job: SpoolJob, file: WalFile, signal: AbortSignal): Promise<void> {
  const target = path.join(job.spool, file.name);
  if (job.reuse && isSegmentName(file.name) && fs.existsSync(target)) {
    job.tally.reusedSegment(file.sizeBytes);
    return;
  }
  await fetchWalFile(job, file, target, job.tally, signal);
  if (isSegmentName(file.name)) job.tally.segment();
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
