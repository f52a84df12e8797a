import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import type { SuspectPage, VerifiedCluster } from '../../cluster/verified-cluster.ts';
import { isPageSound, measureRelations, verifyPages } from '../../cluster/verify-pages.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { parsePgControl } from '../../postgres/files/pg-control.ts';
import { createTally } from '../../progress/tally.ts';
import { incomingDir, type Place } from '../../tree/places/place.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { placesOf } from '../staging/staging.ts';

/** How often a page is read again: a running server may be writing it at that moment. */
const LOOKS = 5;
const NAMED = 5;

/** Checks the checksums of all staged data pages, when the cluster has them. */
export async function verifyStaged(
  job: Pick<LayDownJob, 'places'> & {
    backup: Pick<LayDownJob['backup'], 'beginLsn'>;
    recovery: Pick<LayDownJob['recovery'], 'unattended'>;
  },
  report: Report,
  signal: AbortSignal,
): Promise<VerifiedCluster> {
  const places = placesOf(job.places);
  const [pgdata, ...tablespaces] = places.map(incomingDir);
  const control = parsePgControl(fs.readFileSync(path.join(pgdata as string, CONTROL_FILE)));
  if (control.dataChecksumVersion === 0) {
    report({
      type: 'note',
      level: 'warning',
      message: 'the cluster has no data checksums, so its pages cannot be judged',
    });
    return { pages: 0, suspects: [] };
  }
  const { blockSizeBytes: pageBytes, relationSegmentBlocks: segmentBlocks } = control;
  const totalBytes = measureRelations(pgdata as string, tablespaces);
  const tally = createTally('verify', { totalBytes }, report);
  const found = await verifyPages(pgdata as string, {
    pageBytes,
    segmentBlocks,
    startLsn: job.backup.beginLsn ?? control.redoLsn,
    tablespaces,
    signal,
    onBytes: (bytes) => tally.read(bytes),
  });
  const suspects = found.bad.map(({ file, block }) => ({
    ...locate(file, block, places, segmentBlocks),
    pageBytes,
  }));
  if (suspects.length > 0 && job.recovery.unattended) throw badPages(job.places, suspects, found.badCount);
  if (suspects.length > 0) {
    const message =
      `${found.badCount} of ${found.pages} data pages have wrong checksums; recovery may repair them, so they ` +
      'are looked at again after it';
    report({ type: 'note', level: 'warning', message });
  }
  return { pages: found.pages, suspects };
}

/**
 * Looks at suspect pages again, after recovery.
 * Errors: `dataCorrupt` for those that are still wrong.
 */
export function recheckPages(places: ClusterPlaces, suspects: readonly SuspectPage[]): void {
  const all = placesOf(places);
  const bad = suspects.filter(({ place, file, page, block, pageBytes }) => {
    const { root } = all[place] as Place;
    return !Array.from({ length: LOOKS }).some(() => isPageSound(path.join(root, file), page, block, pageBytes));
  });
  if (bad.length > 0) throw badPages(places, bad, bad.length);
}

function locate(
  file: string,
  block: number,
  places: readonly Place[],
  segmentBlocks: number,
): Omit<SuspectPage, 'pageBytes'> {
  const place = places.findIndex((candidate) => !path.relative(incomingDir(candidate), file).startsWith('..'));
  return { place, file: path.relative(incomingDir(places[place] as Place), file), page: block % segmentBlocks, block };
}

function badPages(places: ClusterPlaces, bad: readonly SuspectPage[], count: number): OdoError {
  const all = placesOf(places);
  const names = bad
    .slice(0, NAMED)
    .map(({ place, file, block }) => `block ${block} of ${path.join(all[place]?.root ?? '', file)}`);
  return new OdoError(
    'dataCorrupt',
    `${count} data pages are damaged: ${names.join(', ')}${count > NAMED ? ' …' : ''}`,
    {
      hint:
        'the damage was in the cluster when the backup was taken, or came to the backup since; try an older ' +
        'one with --backup',
    },
  );
}
