import fs from 'node:fs';
import path from 'node:path';
import { type Place, previousDir } from '../target/place.ts';
import { type OldData, probePlace } from '../target/probe.ts';
import { usedBytes } from '../target/used-bytes.ts';
import type { Engine, Target } from './engine.ts';
import { isStartable, lookAtVolume, oldDataDirectory, type Seen } from './look-at-volume.ts';
import { readOldCluster } from './old-cluster.ts';
import { systemIdentifierIn } from './read-control-file.ts';
import { TRANSITIONS } from './transitions.ts';
import { usedSinceExchange, useSince } from './used-since.ts';

/** Looks at all places of a target. `measure` also counts what the old content takes, which means reading every directory. */
export function probeTarget(target: Target, options: { measure?: boolean } = {}): Awaited<ReturnType<Engine['probe']>> {
  const { pgdata } = target;
  const seen = lookAtVolume(pgdata);
  const { journal, situation } = seen;
  const usedSinceSwap = usedSinceExchange(pgdata, journal);
  const probe = {
    ...probePlace(pgdata),
    situation,
    old: oldDataOf(pgdata, seen, options.measure === true),
    startable: isStartable(pgdata, seen),
    usedSinceSwap,
    ...(usedSinceSwap && journal ? { use: useSince(pgdata, journal) } : {}),
    ...(journal ? { stagedBytes: bytesToBeFreed(pgdata, seen) } : {}),
  };
  const oldCluster = readOldCluster(pgdata, probe);
  return {
    pgdata: probe,
    ...(oldCluster ? { oldCluster } : {}),
    tablespaces: target.tablespaces.map(({ place }) => probePlace(place)),
  };
}

/** What the next restore takes away before it lays anything down: staged files, and a restored server's content that it takes back. */
function bytesToBeFreed(pgdata: Place, { situation }: Seen): number {
  const staged = usedBytes(pgdata.odoDir) - usedBytes(previousDir(pgdata));
  return TRANSITIONS[situation].restore === 'take-back' ? staged + contentBytes(pgdata) : staged;
}

function oldDataOf(pgdata: Place, seen: Seen, isMeasured: boolean): OldData {
  const directory = oldDataDirectory(pgdata, seen);
  if (directory === undefined) return { where: seen.journal?.wiped ? 'gone' : 'nothing' };
  const isInPlace = directory === pgdata.root;
  const version = fs.statSync(path.join(directory, 'PG_VERSION'), { throwIfNoEntry: false })?.isFile()
    ? fs.readFileSync(path.join(directory, 'PG_VERSION'), 'utf8').trim()
    : undefined;
  const systemIdentifier = systemIdentifierIn(directory);
  return {
    where: isInPlace ? 'in place' : 'previous',
    ...(version === undefined ? {} : { pgVersion: version }),
    ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
    ...(isMeasured ? { usedBytes: isInPlace ? contentBytes(pgdata) : usedBytes(directory) } : {}),
  };
}

/** Of the data directory itself, without ODO's folder. */
function contentBytes({ root, odoDir }: Place): number {
  return usedBytes(root) - (odoDir.startsWith(root) ? usedBytes(odoDir) : 0);
}
