import fs from 'node:fs';
import path from 'node:path';
import { readOldCluster } from '../../cluster/old-cluster.ts';
import { systemIdentifierIn } from '../../cluster/read-control-file.ts';
import { type OldData, type PlaceProbe, probePlace } from '../../tree/exchange/probe.ts';
import { type Place, previousDir } from '../../tree/places/place.ts';
import { type Used, usedBy } from '../../tree/places/used-bytes.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { isStartable, lookAtVolume, oldDataDirectory, type Seen } from './look-at-volume.ts';
import { TRANSITIONS } from './transitions.ts';
import { usedSinceExchange, useSince } from './used-since.ts';

const NOTHING: Used = { bytes: 0, files: 0 };

type Counted = Pick<PlaceProbe, 'stagedBytes' | 'stagedFiles' | 'usedBytes' | 'usedFiles'>;

/**
 * Looks at all places. `measure` also counts what the old content takes, which means reading every
 * directory.
 */
export function probePlaces(
  places: ClusterPlaces,
  options: { measure?: boolean } = {},
): Awaited<ReturnType<Engine['probe']>> {
  const { pgdata } = places;
  const seen = lookAtVolume(pgdata);
  const { journal, situation } = seen;
  const usedSinceSwap = usedSinceExchange(pgdata, journal);
  const count = (place: Place) => countRoom(place, pgdata, seen, options.measure === true);
  const probe = {
    ...probePlace(pgdata),
    situation,
    old: oldDataOf(pgdata, seen),
    startable: isStartable(pgdata, seen),
    usedSinceSwap,
    ...(journal ? { journalState: journal.state } : {}),
    ...(journal?.keptBecause === undefined ? {} : { keptBecause: journal.keptBecause }),
    ...(usedSinceSwap && journal ? { use: useSince(pgdata, journal) } : {}),
    ...count(pgdata),
  };
  const oldCluster = readOldCluster(pgdata, probe);
  return {
    pgdata: probe,
    ...(oldCluster ? { oldCluster } : {}),
    tablespaces: places.tablespaces.map(({ place }) => ({ ...probePlace(place), ...count(place) })),
  };
}

/**
 * Counts what the next restore removes from a place before it lays anything down: staged files, and a restored server's
 * content that it takes back. `isMeasured` also counts what the old data takes, wherever it is.
 */
function countRoom(place: Place, pgdata: Place, seen: Seen, isMeasured: boolean): Counted {
  if (!seen.journal && !isMeasured) return {};
  const isTakenBack = TRANSITIONS[seen.situation].restore === 'take-back';
  const content = isTakenBack || isMeasured ? contentOf(place) : NOTHING;
  const previous = usedBy(previousDir(place));
  const counted: Counted = {};
  if (seen.journal) {
    const staged = less(usedBy(place.odoDir), previous);
    counted.stagedBytes = staged.bytes + (isTakenBack ? content.bytes : 0);
    counted.stagedFiles = staged.files + (isTakenBack ? content.files : 0);
  }
  if (isMeasured) {
    const directory = oldDataDirectory(pgdata, seen);
    const used = directory === undefined ? NOTHING : directory === pgdata.root ? content : previous;
    counted.usedBytes = used.bytes;
    counted.usedFiles = used.files;
  }
  return counted;
}

function oldDataOf(pgdata: Place, seen: Seen): OldData {
  const directory = oldDataDirectory(pgdata, seen);
  if (directory === undefined) return { where: seen.journal?.wiped ? 'gone' : 'nothing' };
  const version = fs.statSync(path.join(directory, 'PG_VERSION'), { throwIfNoEntry: false })?.isFile()
    ? fs.readFileSync(path.join(directory, 'PG_VERSION'), 'utf8').trim()
    : undefined;
  const systemIdentifier = systemIdentifierIn(directory);
  return {
    where: directory === pgdata.root ? 'in place' : 'previous',
    ...(version === undefined ? {} : { pgVersion: version }),
    ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
  };
}

/** Counts the directory itself, without ODO's folder. */
function contentOf({ root, odoDir }: Place): Used {
  return odoDir.startsWith(`${root}/`) ? less(usedBy(root), usedBy(odoDir)) : usedBy(root);
}

function less(one: Used, other: Used): Used {
  return { bytes: one.bytes - other.bytes, files: one.files - other.files };
}
