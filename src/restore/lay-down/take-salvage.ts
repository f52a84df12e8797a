import fs from 'node:fs';
import path from 'node:path';
import { openWalArchive } from '../../formats/registry/registry.ts';
import { currentTimeline } from '../../postgres/files/pg-control.ts';
import { parseLsn, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { tellRetries } from '../../progress/tell-retries.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { RenewableKeys } from '../../store/objects/store-keys.ts';
import { type Place, salvageDir, spoolDir } from '../../tree/places/place.ts';
import { salvagedIn } from '../../wal/salvage/salvage-archive.ts';
import { setSalvageAside } from '../../wal/salvage/salvage-files.ts';
import { type SalvageSurvey, surveySalvage } from '../../wal/salvage/salvage-survey.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { isFed } from '../contract/lay-down-job.ts';
import { makeOwnedDirectory } from '../staging/staging.ts';
import { dropHeldSalvage, salvageFolders, shelveSalvage } from '../volume/kept-salvage.ts';
import { findOldData } from '../volume/survey-old-data.ts';

/**
 * Sets aside what the pg_wal of the old data holds behind the end of the archive, if it is of the same cluster and
 * timeline. No server may run on the old data. What was set aside before is taken anew when the old data still has it,
 * since a server that was started again writes into the same files. When the old data was deleted, or is another's by
 * now, what was set aside before is all there is. Of all that, the WAL that goes on farthest is taken. Gives undefined
 * when there is nothing to look at.
 */
export async function takeSalvage(
  job: LayDownJob,
  keys: RenewableKeys,
  signal: AbortSignal,
): Promise<SalvageSurvey | undefined> {
  const { wal, places, backup, owner } = job;
  const { pgdata } = places;
  const { systemIdentifier } = backup;
  putStaleSalvageAway(pgdata);
  // Behind a hole before a branch, the way does not go on with this timeline.
  if (wal.source === 'included' || systemIdentifier === undefined || wal.spans.at(-1)?.lastSegment !== undefined)
    return undefined;
  const old = oldDataOf(pgdata);
  const isOfIt =
    old?.control.systemIdentifier === systemIdentifier &&
    currentTimeline(old.control) === timelineOfName(wal.endSegment);
  const directories = [...(isOfIt ? [path.join(old.directory, 'pg_wal')] : []), ...salvageFolders(pgdata)];
  if (directories.length === 0) return undefined;

  const { store } = openStore(job.store, keys);
  store.onRetry = tellRetries(() => undefined);
  try {
    const archive = await openWalArchive(store, job.repository);
    if (!archive) return undefined;
    let [farthest, from]: [SalvageSurvey | undefined, string] = [undefined, ''];
    for (const directory of directories) {
      const survey = await surveySalvage({ store, archive, plan: wal, systemIdentifier, directory, signal });
      if (!farthest || reaches(survey) > reaches(farthest)) [farthest, from] = [survey, directory];
    }
    if (!farthest?.salvage) return farthest;
    makeOwnedDirectory(pgdata.odoDir, owner);
    setSalvageAside(farthest.salvage, wal.segmentSizeBytes, from, salvageDir(pgdata), owner);
    if (!isFed(job)) addToWholeSpool(pgdata, owner);
    return farthest;
  } finally {
    store.close();
  }
}

/**
 * Puts away the WAL that an earlier run has taken. What the old data still has is removed, since it is taken anew. The
 * rest is kept.
 */
export function putStaleSalvageAway(pgdata: Place): void {
  const old = oldDataOf(pgdata);
  if (old) dropHeldSalvage(pgdata, old.directory);
  shelveSalvage(pgdata);
}

function reaches({ salvage }: SalvageSurvey): bigint {
  return salvage ? parseLsn(salvage.endLsn) : 0n;
}

function oldDataOf(pgdata: Place) {
  return findOldData(pgdata, false);
}

/** Adds the WAL to a spool that was filled before, and that nobody feeds. */
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
