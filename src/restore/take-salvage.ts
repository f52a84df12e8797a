import fs from 'node:fs';
import path from 'node:path';
import { openWalArchive } from '../formats/registry.ts';
import { timelineOfName } from '../postgres/wal-names.ts';
import { openStore } from '../store/open.ts';
import type { RenewableKeys } from '../store/renewable-keys.ts';
import { type Place, salvageDir, spoolDir } from '../target/place.ts';
import { salvagedIn } from '../wal/salvage-archive.ts';
import { setSalvageAside } from '../wal/salvage-files.ts';
import { type SalvageSurvey, surveySalvage } from '../wal/salvage-survey.ts';
import { KEPT } from '../wal/spool-protocol.ts';
import type { LayDownJob } from './engine.ts';
import { isFed } from './feed-wal.ts';
import { makeOwnedDirectory } from './staging.ts';
import { findOldData } from './survey-old-data.ts';
import { tellRetries } from './tell-retries.ts';

/**
 * Sets aside what the pg_wal of the old data holds behind the end of the archive, if it is of the same cluster and timeline. No server may run on
 * that. What was taken before is never trusted: a server that was started again since writes into the same files. But where the old data was
 * deleted (--wipe), it is all there is. undefined where there is nothing to look at.
 */
export async function takeSalvage(job: LayDownJob, keys: RenewableKeys, signal: AbortSignal): Promise<SalvageSurvey | undefined> {
  const { wal, target, backup, owner } = job;
  const { pgdata } = target;
  const { systemIdentifier } = backup;
  // Behind a hole before a branch the way does not go on with this timeline.
  if (wal.source === 'included' || systemIdentifier === undefined || wal.spans.at(-1)?.lastSegment !== undefined)
    return undefined;
  const old = oldDataOf(pgdata);
  if (!old && salvagedIn(salvageDir(pgdata)).length === 0) return undefined;
  if (old) dropSalvage(pgdata);
  const isOfIt = old?.control.systemIdentifier === systemIdentifier && old.control.timeline === timelineOfName(wal.endSegment);
  if (old && !isOfIt) return undefined;

  const { store } = openStore(job.store, keys);
  store.onRetry = tellRetries(() => undefined);
  try {
    const archive = openWalArchive(store, job.repository);
    if (!archive) return undefined;
    const directory = old ? path.join(old.directory, 'pg_wal') : salvageDir(pgdata);
    const survey = await surveySalvage({ store, archive, plan: wal, systemIdentifier, directory, signal });
    if (!survey.salvage) return survey;
    if (old) {
      makeOwnedDirectory(pgdata.odoDir, owner);
      setSalvageAside(survey.salvage, wal.segmentSizeBytes, directory, salvageDir(pgdata), owner);
    }
    if (!isFed(job)) addToWholeSpool(pgdata, owner);
    return survey;
  } finally {
    store.close();
  }
}

/** What an earlier run has taken is taken anew, as long as there is something to take it from. */
export function dropStaleSalvage(pgdata: Place): void {
  if (oldDataOf(pgdata)) dropSalvage(pgdata);
}

function oldDataOf(pgdata: Place) {
  return findOldData(pgdata, false);
}

/** Also from the spool, where the same may have been put. */
function dropSalvage(pgdata: Place): void {
  const spool = spoolDir(pgdata);
  for (const { name } of salvagedIn(salvageDir(pgdata))) {
    for (const file of [path.join(spool, name), path.join(spool, KEPT, name)]) fs.rmSync(file, { force: true });
  }
  fs.rmSync(salvageDir(pgdata), { recursive: true, force: true });
}

/** A spool that was filled before, and that nobody feeds. */
function addToWholeSpool(pgdata: Place, owner: LayDownJob['owner']): void {
  const spool = spoolDir(pgdata);
  if (!fs.existsSync(spool)) return;
  for (const { name } of salvagedIn(salvageDir(pgdata))) {
    const file = path.join(spool, name);
    if (fs.existsSync(file)) continue;
    fs.copyFileSync(path.join(salvageDir(pgdata), name), file);
    fs.chmodSync(file, 0o600);
    if (owner && process.getuid?.() === 0) fs.chownSync(file, owner.uid, owner.gid);
  }
}
