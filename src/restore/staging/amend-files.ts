import fs from 'node:fs';
import path from 'node:path';
import { writeOwned } from '../../cluster/write-owned.ts';
import type { Amendment } from '../../postgres/configuration/amendment.ts';
import {
  MADE_HBA,
  madeConfiguration,
  NO_CONFIGURATION,
  NO_HBA,
} from '../../postgres/configuration/made-configuration.ts';
import type { PgControl } from '../../postgres/files/pg-control.ts';
import { majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { readIfThere } from './read-if-there.ts';
import { amendStaged, readEffective } from './staged-configuration.ts';

/**
 * Takes out of the configuration files what the server would obey before it reads postgresql.auto.conf, and makes files
 * that the backup lacks. Gives all amendments, to be told; those that set something are still to be written. Files
 * elsewhere are judged by the rehearsal, if there is one.
 */
export function amendFiles(job: LayDownJob, incoming: string, control: PgControl): Amendment[] {
  const { settings, unread = [] } = readEffective(incoming);
  const amendments: Amendment[] = [];
  const dataDirectory = settings.get('data_directory');
  if (
    dataDirectory !== undefined &&
    path.posix.normalize(`${dataDirectory}/`) !== path.posix.normalize(`${job.places.pgdata.root}/`)
  ) {
    const why = `the data directory is ${job.places.pgdata.root} here`;
    amendments.push({ do: 'drop', name: 'data_directory', was: dataDirectory, why });
  }
  for (const { value, path: file, isOutside } of unread) {
    // Only the server itself can follow a link, or see what is mounted there.
    if (!isOutside && !isThere(job, incoming, file)) {
      amendments.push({ do: 'exclude', value, why: 'the backup does not hold it' });
    }
  }
  amendments.push(...makeWhatLacks(job, incoming, control, settings.get('hba_file')));
  const ofFiles = amendments.filter((amendment) => amendment.do !== 'set');
  amendStaged(job.places, ofFiles, (file, content) => writeOwned(job.owner, file, content));
  return amendments;
}

function makeWhatLacks(
  job: LayDownJob,
  incoming: string,
  control: PgControl,
  hbaFile: string | undefined,
): Amendment[] {
  const { root } = job.places.pgdata;
  const amendments: Amendment[] = [];
  if (!isThere(job, incoming, 'postgresql.conf')) {
    const content = madeConfiguration(control.settings, majorIn(incoming));
    amendments.push({ do: 'make', file: 'postgresql.conf', content, why: NO_CONFIGURATION });
  }
  if (job.configuration.hbaConf !== undefined) return amendments;
  if (hbaFile === undefined && !isThere(job, incoming, 'pg_hba.conf')) {
    amendments.push({ do: 'make', file: 'pg_hba.conf', content: MADE_HBA, why: NO_HBA });
  }
  const isElsewhere = hbaFile !== undefined && path.resolve('/', hbaFile) !== path.join(root, 'pg_hba.conf');
  // Whether a server in Docker will find the file, only its rehearsal can tell.
  if (
    isElsewhere &&
    job.server.facts === undefined &&
    !fs.existsSync(hbaFile) &&
    isThere(job, incoming, 'pg_hba.conf')
  ) {
    const value = path.join(root, 'pg_hba.conf');
    amendments.push({ do: 'set', name: 'hba_file', was: hbaFile, value, why: `${hbaFile} is not there` });
  }
  return amendments;
}

/** Whether the server will find a file of this name: the staged one, or one that is mounted there. */
function isThere(job: LayDownJob, incoming: string, name: string): boolean {
  const mounted = path.join(job.places.pgdata.root, name);
  const { mounts = [] } = job.server.facts ?? {};
  const isMounted = mounts.some(
    (mount) => mount === mounted || (mount.startsWith(`${job.places.pgdata.root}/`) && mounted.startsWith(`${mount}/`)),
  );
  return isMounted || fs.lstatSync(path.join(incoming, name), { throwIfNoEntry: false }) !== undefined;
}

/** PostgreSQL's major version of the staged directory, as its PG_VERSION tells. */
export function majorIn(incoming: string): number {
  return majorOfPgVersionFile(readIfThere(path.join(incoming, 'PG_VERSION')) ?? '');
}
