import fs from 'node:fs';
import path from 'node:path';
import type { CreatedTablespace } from '../postgres/wal/tablespace-records.ts';
import type { PlaceProbe } from '../tree/exchange/probe.ts';
import { type Place, previousDir } from '../tree/places/place.ts';
import { readControl } from './read-control-file.ts';

/** The facts of the old data's cluster, as plain JSON. */
export interface OldCluster {
  systemIdentifier: string;
  timeline: number;
  /** Everything that happened before this position has left its traces in the files. */
  redoLsn: string;
  /** The cluster's tablespaces, without those in the data directory itself. */
  tablespaces: CreatedTablespace[];
}

/**
 * Looks at the old data where it is. While a restored server waits, or when an exchange was interrupted, it is in
 * `previous`, as a whole or in part. undefined when there is none whose control file can be read.
 */
export function readOldCluster(place: Place, probe: PlaceProbe): OldCluster | undefined {
  const mayBeMoved =
    !['laying-down', 'staged', 'clearing', undefined].includes(probe.journalState) && !probe.usedSinceSwap;
  const directories = mayBeMoved && probe.hasPrevious ? [previousDir(place), place.root] : [place.root];
  const control = directories.map(readControl).find((found) => found !== undefined);
  if (!control) return undefined;
  const { systemIdentifier, timeline, redoLsn } = control;
  const links = new Map(directories.flatMap(tablespacesIn).map((one) => [`${one.oid} ${one.location}`, one]));
  return { systemIdentifier, timeline, redoLsn, tablespaces: [...links.values()] };
}

function tablespacesIn(dataDirectory: string): CreatedTablespace[] {
  const folder = path.join(dataDirectory, 'pg_tblspc');
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const links = entries.filter((entry) => entry.isSymbolicLink() && /^\d+$/.test(entry.name));
  return links.map(({ name }) => ({ oid: Number(name), location: fs.readlinkSync(path.join(folder, name)) }));
}
