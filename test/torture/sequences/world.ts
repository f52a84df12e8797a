/** A set of row tags: each tag stands for one committed transaction of ROWS_PER_TAG rows. */
export type Rows = ReadonlySet<string>;

/** Which cluster a data directory belongs to: the one of the repository, or another. */
export type Cluster = 'shop' | 'other';

/** primary: takes writes · waiting: a restore has left it at its target · standby: a restore has left it one */
export type Role = 'primary' | 'waiting' | 'standby';

/** One data directory, as it ought to be. Never changed in place: what happens makes another one. */
export interface Content {
  readonly rows: Rows;
  readonly cluster: Cluster;
  /** Two contents of the same line have WAL that continues each other's; each promotion begins another line. */
  readonly line: number;
  readonly role: Role;
  /** Was promoted by a restore and kept its way back, so that a restore has to leave it alone. */
  readonly isFinished: boolean;
  /** A promotion was told to keep the old data. */
  readonly keepsPrevious: boolean;
  /** Somebody has promoted it where ODO had left it waiting. */
  readonly isByHand?: boolean;
}

/** What the archive gives. */
export interface Archive {
  /** What a restore to the latest moment gives. */
  readonly end: Rows;
  /** The line at its end. */
  readonly line: number;
  /** More than one line was written into it, so that a moment may need a timeline to be named. */
  readonly isForked: boolean;
  /** WAL is missing before its last segments, as after salvage that nobody has archived: a new base backup is due. */
  readonly hasHole?: boolean;
}

/** What lies where, and what the archive holds, as the operations so far should have left it. */
export interface World {
  readonly place: Content | undefined;
  readonly previous: Content | undefined;
  /** The service is up; a server that waits counts. */
  readonly isUp: boolean;
  readonly archive: Archive;
  /** Staged files of an interrupted run may be there. */
  readonly mayBeStaged: boolean;
  /** What WAL leads to that a restore may have set aside, since nothing else has it. */
  readonly salvaged?: Rows;
}

export const ROWS_PER_TAG = 20;

/** The tags that a restore to each restore point gives; the last one is the end of the archive. */
export const RESTORE_POINTS = ['rp1', 'rp2', 'rp3', 'rp4'] as const;
export type RestorePoint = (typeof RESTORE_POINTS)[number];

/** `rp2` has the rows of the backup, and those written before rp1 and rp2. */
export function rowsAt(point: RestorePoint): Rows {
  return new Set(['base', ...RESTORE_POINTS.slice(0, RESTORE_POINTS.indexOf(point) + 1)]);
}

export function with_(content: Content, change: Partial<Content>): Content {
  return { ...content, ...change };
}

export function sameRows(a: Rows | undefined, b: Rows | undefined): boolean {
  if (!a || !b) return a === b;
  return a.size === b.size && [...a].every((tag) => b.has(tag));
}

export function isSubset(a: Rows, of: Rows): boolean {
  return [...a].every((tag) => of.has(tag));
}

export function wordsOf(rows: Rows | undefined): string {
  return rows ? `{${[...rows].sort().join(' ')}}` : 'nothing';
}

export function contentWords(content: Content | undefined): string {
  if (!content) return 'nothing';
  const { rows, cluster, line, role, isFinished } = content;
  return `${cluster}/${line} ${role}${isFinished ? ' finished' : ''} ${wordsOf(rows)}`;
}

export function worldWords({ place, previous, isUp, archive, mayBeStaged }: World): string {
  const end = `archive/${archive.line}${archive.isForked ? ' forked' : ''} ${wordsOf(archive.end)}`;
  const what = `in place ${contentWords(place)}; previous ${contentWords(previous)}; ${end}`;
  return `${what}; ${isUp ? 'up' : 'down'}${mayBeStaged ? ', perhaps staged files' : ''}`;
}
