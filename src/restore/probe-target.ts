import { previousDir } from '../target/place.ts';
import { probePlace } from '../target/probe.ts';
import { usedBytes } from '../target/used-bytes.ts';
import type { Engine, Target } from './engine.ts';
import { readOldCluster } from './old-cluster.ts';
import { systemIdentifierIn } from './read-control-file.ts';

/** Looks at all places of a target. `measure` also counts what the old content takes, which means reading every directory. */
export function probeTarget(target: Target, options: { measure?: boolean } = {}): Awaited<ReturnType<Engine['probe']>> {
  const { root, odoDir } = target.pgdata;
  const pgdata = probePlace(target.pgdata);
  const systemIdentifier = systemIdentifierIn(root);
  if (systemIdentifier !== undefined) pgdata.systemIdentifier = systemIdentifier;
  if (pgdata.journalState !== undefined) pgdata.stagedBytes = usedBytes(odoDir) - usedBytes(previousDir(target.pgdata));
  if (options.measure) pgdata.usedBytes = usedBytes(root) - (odoDir.startsWith(root) ? usedBytes(odoDir) : 0);
  const oldCluster = readOldCluster(target.pgdata, pgdata);
  return { pgdata, ...(oldCluster ? { oldCluster } : {}), tablespaces: target.tablespaces.map(({ place }) => probePlace(place)) };
}
