import { type Content, isSubset, type RestorePoint, type Rows, rowsAt, sameRows, type World, with_ } from './world.ts';

// What ODO's commands ought to make of a world. Each gives every outcome that fits; what is none of them is a defect.

/** How a restore is asked for. */
export interface Asked {
  point: RestorePoint | 'latest';
  /** What the server is left as. */
  leave: 'promoted' | 'paused' | 'shut down' | 'standby';
  keepPrevious: boolean;
  wipe: boolean;
  online: boolean;
  fresh: boolean;
}

export interface Expected {
  /** After exit code 0. */
  worlds: readonly World[];
  /** Codes with which it may end and leave everything as it was. */
  refusals: readonly number[];
  /** Success would be wrong. */
  mustRefuse?: boolean;
}

let lines = 1;
/** Each promotion begins a line of its own. */
export function newLine(): number {
  lines += 1;
  return lines;
}

/** A moment that is no longer on the way, or is there twice, is refused. */
const NO_SUCH_MOMENT = [2, 12, 13, 15];

export function afterRestore(world: World, asked: Asked): Expected {
  const { place, previous, archive } = world;
  const waits = place !== undefined && place.role !== 'primary' && previous !== undefined;
  const isInUse = place?.role === 'primary' && previous !== undefined;
  // What a restore that waits has put aside is the old data.
  const old = waits || (place !== undefined && place.role !== 'primary') ? previous : place;
  const rows = rowsOf(world, asked, old ?? place);
  const isForeign = old?.cluster === 'other';
  const isMoment = asked.point !== 'latest';
  // What a moment leaves out is to be had again from the archive.
  const elsewhere = isMoment ? new Set([...rows, ...archive.end]) : rows;
  const loses = old !== undefined && !isSubset(old.rows, elsewhere);
  const refusals = [
    ...(isInUse ? [24] : []),
    ...(archive.isForked ? NO_SUCH_MOMENT : []),
    // What became of a line of its own, its WAL may not tell any more.
    ...(asked.wipe && (isForeign || loses || old?.line !== archive.line) ? [24] : []),
  ];
  const role = asked.leave === 'promoted' ? 'primary' : asked.leave === 'standby' ? 'standby' : 'waiting';
  const line = role === 'primary' ? newLine() : archive.line;
  // Old data that holds what nothing else has stays, also when somebody ends the recovery of a server that waits.
  const mustKeep = asked.keepPrevious || loses;
  const made = (content: Partial<Content>): Content => ({
    ...{
      rows,
      cluster: 'shop',
      line,
      role,
      isFinished: false,
      keepsPrevious: isMoment ? mustKeep : asked.keepPrevious,
    },
    ...content,
  });
  const salvaged = salvagedBy(world);
  const kept = salvaged ? { salvaged } : {};
  const base: World = { ...world, ...kept, isUp: asked.leave !== 'shut down', mayBeStaged: false };
  const worlds: World[] = [];
  const wiped = asked.wipe || old === undefined;
  if (role !== 'primary') worlds.push({ ...base, place: made({}), previous: wiped ? undefined : old });
  else if (wiped) worlds.push({ ...base, place: made({}), previous: undefined });
  else {
    // What became of a line of its own, its WAL may not tell any more.
    const mayKeep = mustKeep || old.line !== archive.line;
    if (mayKeep) worlds.push({ ...base, place: made({ isFinished: true }), previous: old });
    if (!mustKeep) worlds.push({ ...base, place: made({}), previous: undefined });
  }
  // WAL that an earlier restore has set aside is replayed as well, as long as nobody has given it up.
  if (salvaged && !isMoment && !sameRows(salvaged, rows)) {
    for (const one of [...worlds]) if (one.place) worlds.push({ ...one, place: with_(one.place, { rows: salvaged }) });
  }
  return {
    worlds,
    refusals,
    mustRefuse: (asked.wipe && (isForeign || loses)) || (isInUse && wouldLose(place, previous, rows)),
  };
}

/** What was ever seen of the archive's line that goes on where the archive ends. */
function salvagedBy({ place, previous, archive, salvaged }: World): Rows | undefined {
  const seen = [place, previous].filter((one) => one?.cluster === 'shop' && one.line === archive.line);
  const all = [...seen.map((one) => one?.rows), salvaged].filter(
    (rows): rows is Rows => rows !== undefined && isSubset(archive.end, rows) && rows.size > archive.end.size,
  );
  return all.sort((a, b) => b.size - a.size)[0];
}

/** Two contents of which one is to go: nobody has said that it may. */
function wouldLose(place: Content | undefined, previous: Content | undefined, rows: Rows): boolean {
  return previous !== undefined && place !== undefined && !isSubset(previous.rows, rows);
}

function rowsOf({ archive }: World, asked: Asked, old: Content | undefined): Rows {
  if (asked.point !== 'latest') return rowsAt(asked.point);
  // The end of the old data's WAL is read where it goes on from the archive's; a server that waits has it from there.
  const goesOn = old?.cluster === 'shop' && old.line === archive.line && isSubset(archive.end, old.rows);
  return goesOn ? old.rows : archive.end;
}

/** Ends the recovery of a server that waits. */
export function afterPromote(world: World): Expected {
  const { place, previous } = world;
  if (!place || (place.role === 'primary' && !place.isByHand))
    return { worlds: [], refusals: [2, 24], mustRefuse: true };
  const promoted = with_(place, {
    role: 'primary',
    line: place.isByHand ? place.line : newLine(),
    isByHand: false,
    isFinished: false,
  });
  const base = { ...world, isUp: true, mayBeStaged: false };
  const worlds: World[] = [];
  const loses = previous !== undefined && !isSubset(previous.rows, place.rows);
  const mustKeep = previous !== undefined && (place.keepsPrevious || previous.cluster === 'other');
  if (mustKeep || loses) worlds.push({ ...base, place: with_(promoted, { isFinished: true }), previous });
  if (!mustKeep) worlds.push({ ...base, place: promoted, previous: undefined });
  return { worlds, refusals: [] };
}

/** Puts back what was there; what was in place may be set aside for another rollback. */
export function afterRollback(world: World): Expected {
  const { place, previous } = world;
  const up = { ...world, isUp: place !== undefined, mayBeStaged: false };
  if (!previous) return { worlds: [up, { ...world, mayBeStaged: true, isUp: up.isUp }], refusals: [] };
  const aside = place && { ...up, isUp: true, place: with_(previous, { isFinished: true }), previous: place };
  const gone: World = { ...up, isUp: true, place: with_(previous, { isFinished: false }), previous: undefined };
  // What has rows of its own is not thrown away.
  const mustSetAside = place !== undefined && place.role === 'primary' && !isSubset(place.rows, world.archive.end);
  return { worlds: [...(aside ? [aside] : []), ...(mustSetAside ? [] : [gone])], refusals: [] };
}

export function afterClean(world: World, { acceptLoss = false } = {}): Expected {
  const { place, previous } = world;
  if (place && place.role !== 'primary' && previous) return { worlds: [], refusals: [24], mustRefuse: true };
  if (!acceptLoss && losesByCleaning(world)) return { worlds: [], refusals: [24], mustRefuse: true };
  const cleaned: World = { ...world, previous: undefined, mayBeStaged: false };
  return { worlds: [place ? { ...cleaned, place: with_(place, { isFinished: false }) } : cleaned], refusals: [24] };
}

/** What nobody has said may go: rows that neither the data in place nor the archive has. */
function losesByCleaning({ place, previous, archive }: World): boolean {
  if (!place || !previous) return false;
  if (place.cluster === 'shop' && previous.cluster === 'other') return true;
  return !isSubset(previous.rows, new Set([...place.rows, ...archive.end]));
}
