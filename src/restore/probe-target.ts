import fs from 'node:fs';
import path from 'node:path';
import { parsePgControl } from '../postgres/pg-control.ts';
import { previousDir } from '../target/place.ts';
import { probePlace } from '../target/probe.ts';
import { usedBytes } from '../target/used-bytes.ts';
import { CONTROL_FILE } from './base-members.ts';
import type { Engine, Target } from './engine.ts';
import { readOldCluster } from './old-cluster.ts';

/** Looks at all places of a target. `measure` also counts what the old content takes, which means reading every directory. */
export function probeTarget(target: Target, options: { measure?: boolean } = {}): Awaited<ReturnType<Engine['probe']>> {
  const { root, odoDir } = target.pgdata;
  const pgdata = probePlace(target.pgdata);
  const systemIdentifier = readSystemIdentifier(root);
  if (systemIdentifier !== undefined) pgdata.systemIdentifier = systemIdentifier;
  if (pgdata.journalState !== undefined) pgdata.stagedBytes = usedBytes(odoDir) - usedBytes(previousDir(target.pgdata));
  if (options.measure) pgdata.usedBytes = usedBytes(root) - (odoDir.startsWith(root) ? usedBytes(odoDir) : 0);
  const oldCluster = readOldCluster(target.pgdata, pgdata);
  return { pgdata, ...(oldCluster ? { oldCluster } : {}), tablespaces: target.tablespaces.map(({ place }) => probePlace(place)) };
}

/** undefined when there is no control file, or none that can be read: then nothing is known of the cluster. */
function readSystemIdentifier(dataDirectory: string): string | undefined {
  try {
    return parsePgControl(fs.readFileSync(path.join(dataDirectory, CONTROL_FILE))).systemIdentifier;
  } catch {
    return undefined;
  }
}
