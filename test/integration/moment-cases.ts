import { LATER_RESTORE_POINT, type Moments, RESTORE_POINT, shiftTime } from './parts/moments.ts';

/** What a clock shows that is so many hours ahead of UTC. */
const wallTime = (time: string, hours: number) => shiftTime(time, hours * 3_600_000_000).replace('+00', '');

export type Version = 15 | 17 | 18;

/**
 * The versions on which a case is tried. Each kind of target is tried on all of them, and each edge of it on one at
 * least: its kind is what a version may read or replay in its own way, and its edge is ODO's own reckoning.
 */
export interface Tried {
  on: readonly Version[];
}

/** A restore into a directory, and the rows that its server has then. */
export interface Edge extends Tried {
  what: string;
  target: (moments: Moments) => string[];
  rows: string;
}

/** A moment that is refused, and the words of it; `ofService`: by a restore into the running service. */
export interface Refusal extends Tried {
  what: string;
  target: (moments: Moments) => string[];
  code?: number;
  words: (moments: Moments) => string | RegExp;
  ofService?: boolean;
}

const EVERY: readonly Version[] = [15, 17, 18];

/** As ODO spells it. */
export const iso = (time: string) => time.replace(' ', 'T').replace('+00', 'Z');

export const EDGES: readonly Edge[] = [
  {
    what: 'at the very commit, time',
    on: [17],
    target: ({ steps }) => ['--target-time', steps.two.time],
    rows: 'zero one two',
  },
  {
    what: 'just before it, time',
    on: [18],
    target: ({ steps }) => ['--target-time', shiftTime(steps.two.time, -1)],
    rows: 'zero one',
  },
  {
    what: 'just after it, time',
    on: [15],
    target: ({ steps }) => ['--target-time', shiftTime(steps.two.time, 1)],
    rows: 'zero one two',
  },
  {
    what: 'exclusively at it, time',
    on: [15],
    target: ({ steps }) => ['--target-time', iso(steps.two.time), '--target-exclusive'],
    rows: 'zero one',
  },
  {
    what: 'at it by a clock on the wall, time',
    on: [18],
    target: ({ steps }) => ['--target-time', wallTime(steps.two.time, 2), '--timezone', '+02:00'],
    rows: 'zero one two',
  },
  {
    what: 'at the last commit but excluding it, time',
    on: [17],
    target: ({ steps }) => ['--target-time', steps.five.time, '--target-exclusive'],
    rows: 'accident three four',
  },
  {
    what: 'at a commit of timeline 2, time',
    on: [15],
    target: ({ steps }) => ['--target-time', steps.four.time, '--target-timeline', 'latest'],
    rows: 'accident three four',
  },
  { what: 'with it, transaction', on: [15], target: ({ steps }) => ['--target-xid', steps.one.xid], rows: 'zero one' },
  {
    what: 'without it, transaction',
    on: [17],
    target: ({ steps }) => ['--target-xid', steps.two.xid, '--target-exclusive'],
    rows: 'zero one',
  },
  {
    what: 'without the first one behind a backup, transaction',
    on: [18],
    target: ({ steps }) => ['--target-xid', steps.one.xid, '--target-exclusive'],
    rows: 'zero',
  },
  {
    what: 'the last one there is, transaction',
    on: [17],
    target: ({ steps }) => ['--target-xid', steps.five.xid],
    rows: 'accident three four five',
  },
  {
    what: 'on timeline 2, transaction',
    on: [15],
    target: ({ steps }) => ['--target-xid', steps.four.xid],
    rows: 'accident three four',
  },
  {
    what: 'before its WAL begins, position',
    on: [18],
    target: ({ steps }) => ['--target-lsn', steps.two.beforeLsn, '--target-exclusive'],
    rows: 'zero one',
  },
  {
    what: 'where its WAL begins, position',
    on: [17],
    target: ({ steps }) => ['--target-lsn', steps.two.beforeLsn],
    rows: 'zero one',
  },
  {
    what: 'behind its commit, position',
    on: [15],
    target: ({ steps }) => ['--target-lsn', steps.two.afterLsn],
    rows: 'zero one two',
  },
  {
    what: 'on timeline 2, position',
    on: [18],
    target: ({ steps }) => ['--target-lsn', steps.five.beforeLsn, '--target-exclusive'],
    rows: 'accident three four',
  },
  {
    what: 'on timeline 2, restore point',
    on: EVERY,
    target: () => ['--target-name', LATER_RESTORE_POINT],
    rows: 'accident three four',
  },
  { what: 'the end of the newest backup', on: [15, 18], target: () => ['--target', 'immediate'], rows: 'accident' },
  {
    what: 'the end of an older backup',
    on: [17],
    target: ({ older }) => ['--target', 'immediate', '--backup', older],
    rows: 'zero',
  },
  { what: 'the end of timeline 1', on: [17, 18], target: () => ['--target-timeline', '1'], rows: 'accident three' },
  {
    what: 'a time on timeline 1 by its number',
    on: [15],
    target: ({ steps }) => ['--target-timeline', 'current', '--target-time', shiftTime(steps.three.time, -1)],
    rows: 'accident',
  },
];

/** A target that a server waits at, right behind the commit of `two`, as the command line and ODO's words have it. */
export interface Pause extends Tried {
  what: string;
  target: (moments: Moments) => [option: string, value: string];
  waitsAt: (value: string) => string;
}

export const PAUSES: readonly Pause[] = [
  {
    what: 'transaction',
    on: [17],
    target: ({ steps }) => ['--target-xid', steps.two.xid],
    waitsAt: (xid) => `transaction ${xid}`,
  },
  {
    what: 'restore point',
    on: [18],
    target: () => ['--target-name', RESTORE_POINT],
    waitsAt: (name) => `restore point ${name}`,
  },
];

export const REFUSALS: readonly Refusal[] = [
  {
    what: 'before the first backup ended, time',
    on: [15],
    target: ({ steps }) => ['--target-time', steps.zero.time],
    words: ({ older }) => `the oldest complete one, ${older}, ended at`,
    ofService: true,
  },
  {
    what: 'behind the last commit, time',
    on: [17],
    target: ({ steps }) => ['--target-time', steps.five.time],
    words: ({ steps }) => `the last transaction in it ended at ${iso(steps.five.time).replace(/\.?0+Z$/, 'Z')}`,
  },
  {
    what: 'before the end of the backup that is asked for, time',
    on: [18],
    target: ({ newer, steps }) => ['--backup', newer, '--target-time', steps.two.time],
    words: ({ newer }) => new RegExp(`${newer} ended at .*, after the target`),
  },
  {
    what: 'behind the archive, position',
    on: [18],
    target: ({ steps }) => ['--target-lsn', steps.one.beforeLsn.replace(/^\d+/, 'FF')],
    words: () => 'not in the archive',
  },
  {
    what: 'before the first backup ended, position',
    on: [17],
    target: ({ steps }) => ['--target-lsn', steps.zero.beforeLsn],
    words: () => 'no backup ended by',
  },
  {
    what: 'that never was, transaction',
    on: EVERY,
    target: () => ['--target-xid', '4000000000'],
    words: () => 'is not in the archive since',
  },
  {
    what: 'that never was, restore point',
    on: EVERY,
    target: () => ['--target-name', 'before the acident'],
    words: () => new RegExp(`its restore points are: .*, ${RESTORE_POINT} \\(2`),
  },
  {
    what: 'without a time zone, time',
    on: [15],
    target: ({ steps }) => ['--target-time', steps.two.time.replace('+00', '')],
    code: 2,
    words: () => 'read as UTC it is',
  },
];
