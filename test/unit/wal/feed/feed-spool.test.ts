import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { ReadOptions } from '../../../../src/store/objects/object-store.ts';
import { createRooms } from '../../../../src/tree/writing/room.ts';
import { feedSpool } from '../../../../src/wal/feed/feed-spool.ts';
import type { Feeder, FeedJob } from '../../../../src/wal/feed/feeder.ts';
import { setFreeBytes } from '../../parts/free-bytes.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const SIZE_BYTES = 2 ** 20;

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A store that tells what is read and how much of it at once, and can make readers wait or fail. */
class WatchedStore extends MemoryStore {
  readonly reads: string[] = [];
  underWay = 0;
  mostUnderWay = 0;
  onRead: (key: string) => Promise<void> | void = () => nextTurn();

  readonly files: Map<string, Buffer>;

  /** @param files may change at any time */
  constructor(files: Map<string, Buffer>) {
    super({});
    this.files = files;
  }

  override async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    this.reads.push(key);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      await this.onRead(key);
      const content = this.files.get(key);
      if (content) this.objects.set(key, { content });
      else this.objects.delete(key);
      return await super.read(key, options);
    } finally {
      this.underWay -= 1;
    }
  }
}

let spool: string;
let feeders: Feeder[];
let warnings: string[];
let tally: { readBytes: number; writtenBytes: number; segments: number; reusedSegments: number };

beforeEach(() => {
  spool = path.join(scratchDirectory(), 'spool');
  feeders = [];
  warnings = [];
  tally = { readBytes: 0, writtenBytes: 0, segments: 0, reusedSegments: 0 };
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const feeder of feeders) await feeder.stop();
});

function count(what: keyof typeof tally, more: number): void {
  tally[what] += more;
}

function wal(number: number): Buffer {
  return Buffer.alloc(SIZE_BYTES, number);
}

/** Segments 1 to `count` of timeline 1, and whatever else is given. */
function filesOf(count: number, more: Record<string, Buffer> = {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let number = 1; number <= count; number++)
    files.set(`${segment(1, number)}.gz`, gzipSync(wal(number), { level: 1 }));
  for (const [key, content] of Object.entries(more)) files.set(key, content);
  return files;
}

type Job = FeedJob & { store: WatchedStore; listings: string[] };

/** A job over files that may change while it goes on. */
function jobFor(files: Map<string, Buffer>, options: { plan?: Partial<FeedJob['plan']>; segments?: number } = {}): Job {
  const store = new WatchedStore(files);
  const last = [...files.keys()].filter((key) => key.startsWith('00000001')).length;
  const listings: string[] = [];
  return {
    store,
    listings,
    archive: {
      ...archiveOf([]),
      histories: (signal) => archiveOf([...files.keys()], (key) => files.get(key)?.length ?? 0).histories(signal),
      segments(timeline, from, signal) {
        listings.push(from);
        return archiveOf([...files.keys()], (key) => files.get(key)?.length ?? 0).segments(timeline, from, signal);
      },
    },
    plan: {
      source: 'archive',
      spans: [{ timeline: 1, firstSegment: segment(1, 1) }],
      segmentSizeBytes: SIZE_BYTES,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: last,
      storedBytes: 0,
      endSegment: segment(1, last),
      ...options.plan,
    },
    spool,
    spoolBytes: (options.segments ?? 4) * SIZE_BYTES,
    reuse: false,
    tally: {
      read: (bytes) => count('readBytes', bytes),
      wrote: (bytes) => count('writtenBytes', bytes),
      segment: () => count('segments', 1),
      reusedSegment: () => count('reusedSegments', 1),
    },
    warn: (message) => void warnings.push(message),
  };
}

function start(job: FeedJob): Feeder {
  const feeder = feedSpool(job);
  feeders.push(feeder);
  return feeder;
}

const sizesIn = (directory: string) =>
  fs.readdirSync(directory).reduce((sum, name) => {
    const stat = fs.statSync(path.join(directory, name), { throwIfNoEntry: false });
    return sum + (stat?.isFile() && /^[0-9A-F]{24}$/.test(name) ? stat.size : 0);
  }, 0);
const names = () => fs.readdirSync(spool).filter((name) => /^[0-9A-F]{24}$/.test(name));
const isThere = (name: string) =>
  fs.existsSync(path.join(spool, name)) || fs.existsSync(path.join(spool, 'kept', name));
const isAbsent = (name: string) => fs.existsSync(path.join(spool, 'absent', name));
const feeding = () => fs.readFileSync(path.join(spool, 'feeding'), 'utf8').trim();
const until = (check: () => void) => vi.waitFor(check, { timeout: 50_000, interval: 5 });

/**
 * What the restore_command does: takes the file when it is there, asks for it else, and tells what came of it:
 * `absent`, `failed`, `WAL` with its number, or a history's text.
 */
async function take(name: string): Promise<string> {
  if (!isThere(name) && !isAbsent(name)) fs.writeFileSync(path.join(spool, 'wanted', name), '');
  await until(() => expect(isThere(name) || isAbsent(name) || feeding() === 'failed').toBe(true));
  if (!isThere(name) && !isAbsent(name)) return 'failed';
  if (isAbsent(name)) return 'absent';
  const file = path.join(spool, name);
  const isKept = !fs.existsSync(file);
  const content = fs.readFileSync(isKept ? path.join(spool, 'kept', name) : file);
  if (!isKept) fs.rmSync(file);
  const [number = 0] = content;
  return content.equals(wal(number)) ? `WAL ${number}` : content.toString();
}

describe('a feeder', () => {
  it('gives the server something for the history of a taken number, which its new timeline does not get', async () => {
    start(jobFor(filesOf(2), { plan: { passedOver: [2] } }));
    await until(() => expect(fs.existsSync(path.join(spool, 'histories'))).toBe(true));
    expect(fs.readFileSync(path.join(spool, 'kept/00000002.history'), 'utf8')).toMatch(/^# odo: .*timeline 2/);
  });

  it('gives all segments in order through a spool that holds few, and then says that there are no more', async () => {
    const job = jobFor(filesOf(20));
    start(job).takeAllConnections();
    for (let number = 1; number <= 20; number++) {
      expect(names().length).toBeLessThanOrEqual(3);
      expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    }
    expect(await take(segment(1, 21))).toBe('absent');
    expect(job.store.reads).toHaveLength(20);
    expect(tally).toMatchObject({ segments: 20, reusedSegments: 0, writtenBytes: 20 * SIZE_BYTES });
    expect(warnings).toEqual([]);
  });

  it('never holds more than it may, what is on its way included', async () => {
    const job = jobFor(filesOf(12), { segments: 5 });
    let most = 0;
    const look = () => {
      const onTheirWay = fs.readdirSync(path.join(spool, 'incoming')).length;
      most = Math.max(most, names().length + onTheirWay + fs.readdirSync(path.join(spool, 'kept')).length);
    };
    job.store.onRead = look;
    const feeder = start(job);
    feeder.takeAllConnections();
    await feeder.fed(100);
    expect(names()).toEqual([1, 2, 3, 4].map((number) => segment(1, number)));
    for (let number = 1; number <= 12; number++) {
      look();
      await take(segment(1, number));
    }
    expect(most).toBeLessThanOrEqual(5);
    expect(most).toBeGreaterThanOrEqual(4);
  });

  it('stops before a disk is full that others write to as well, and goes on when there is room again', async () => {
    let freeBytes = 3 * SIZE_BYTES;
    setFreeBytes(() => freeBytes - sizesIn(spool) - sizesIn(path.join(spool, 'incoming')));
    const job = jobFor(filesOf(12), { segments: 8 });
    const feeder = start({ ...job, room: createRooms({ besideServer: false })(path.dirname(spool)) });
    feeder.takeAllConnections();
    await feeder.fed(3);
    await expect(feeder.fed(5)).rejects.toMatchObject({ code: 'noSpace' });
    expect(names()).toEqual([1, 2, 3].map((number) => segment(1, number)));
    freeBytes = 5 * SIZE_BYTES;
    await feeder.fed(5);
    expect(names()).toHaveLength(5);
  });

  it('brings what the server waits for even so, one by one: it would never go on', async () => {
    setFreeBytes(() => 0);
    const job = jobFor(filesOf(4));
    start({ ...job, room: createRooms({ besideServer: false })(path.dirname(spool)) });
    await until(() => expect(fs.existsSync(path.join(spool, 'histories'))).toBe(true));
    for (let number = 1; number <= 4; number++) {
      expect(names()).toEqual([]);
      expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    }
    expect(await take(segment(1, 5))).toBe('absent');
  });

  it('takes few connections as long as the base backup needs them, and then more', async () => {
    const job = jobFor(filesOf(30), { segments: 12 });
    const feeder = start(job);
    await feeder.fed(8);
    expect(job.store.mostUnderWay).toBeLessThanOrEqual(2);
    feeder.takeAllConnections();
    for (let number = 1; number <= 30; number++) await take(segment(1, number));
    expect(job.store.mostUnderWay).toBeGreaterThan(2);
    expect(job.store.mostUnderWay).toBeLessThanOrEqual(6);
  });

  it('does not list for each segment', async () => {
    const job = jobFor(filesOf(30));
    start(job).takeAllConnections();
    for (let number = 1; number <= 31; number++) await take(segment(1, number));
    expect(job.listings).toEqual([segment(1, 1), segment(1, 30)]);
  });

  it('fetches again whatever is asked for again, and goes on from there', async () => {
    const job = jobFor(filesOf(12));
    start(job);
    for (const number of [1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 11, 12, 3, 12, 1])
      expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(await take(segment(1, 13))).toBe('absent');
    expect(tally.segments).toBe(12);
    expect(tally.writtenBytes).toBe(12 * SIZE_BYTES);
  });

  it('keeps the last segment, for which a server asks twice', async () => {
    const job = jobFor(filesOf(3));
    start(job);
    for (const number of [1, 2, 3, 3, 3]) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(job.store.reads).toHaveLength(3);
  });

  it('does not say where the archive ends while more may follow, and goes on with that', async () => {
    const files = filesOf(2);
    const feeder = start({ ...jobFor(files, { segments: 6 }), endIsOpen: true });
    feeder.takeAllConnections();
    await feeder.fed(10);
    expect(await take(segment(1, 1))).toBe('WAL 1');
    expect(isAbsent(segment(1, 3))).toBe(false);
    files.set(`${segment(1, 3)}.gz`, gzipSync(wal(3), { level: 1 }));
    feeder.settleEnd();
    for (const number of [2, 3]) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(await take(segment(1, 4))).toBe('absent');
  });

  it('says ahead of every request where the archive ends', async () => {
    start(jobFor(filesOf(2)));
    await until(() => expect(isAbsent(segment(1, 3))).toBe(true));
  });

  it('follows an archive that grows to its end, once', async () => {
    const files = filesOf(3);
    const job = jobFor(files);
    const later = gzipSync(wal(4), { level: 1 });
    job.store.onRead = (key) => void (key === `${segment(1, 3)}.gz` && files.set(`${segment(1, 4)}.gz`, later));
    start(job);
    for (const number of [1, 2, 3, 4]) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(await take(segment(1, 5))).toBe('absent');
    files.set(`${segment(1, 5)}.gz`, gzipSync(wal(5), { level: 1 }));
    expect(await take(segment(1, 3))).toBe('WAL 3');
    expect(await take(segment(1, 2))).toBe('WAL 2');
    await until(() => expect(job.store.underWay).toBe(0));
    expect(await take(segment(1, 5))).toBe('absent');
  });

  it('goes over to the next timeline, and says what lies off the way', async () => {
    const files = filesOf(3, {
      '00000002.history': Buffer.from('1\t0/280000\tx\n'),
      [segment(2, 2)]: wal(22),
      [segment(2, 3)]: wal(23),
    });
    const plan = {
      spans: [
        { timeline: 1, firstSegment: segment(1, 1), lastSegment: segment(1, 2) },
        { timeline: 2, firstSegment: segment(2, 2) },
      ],
      histories: ['00000002.history'],
      endSegment: segment(2, 3),
    };
    start(jobFor(files, { plan }));
    expect(await take('00000002.history')).toContain('0/280000');
    expect(await take('00000002.history')).toContain('0/280000');
    for (const name of [
      '00000003.history',
      '00000001.history',
      segment(2, 1),
      segment(1, 3),
      segment(3, 2),
      'backup_label',
    ])
      expect(await take(name), name).toBe('absent');
    expect(await take(segment(1, 1))).toBe('WAL 1');
    expect(await take(segment(2, 2))).toBe('WAL 22');
    expect(await take(segment(2, 3))).toBe('WAL 23');
    expect(await take(segment(2, 4))).toBe('absent');
    // What the server has left behind on the old timeline takes no room.
    await until(() => expect(names()).toEqual([]));
  });

  it('says that the segment of a branch is absent where only the new timeline has it', async () => {
    const files = filesOf(1, { '00000002.history': Buffer.from('1\t0/280000\tx\n'), [segment(2, 2)]: wal(22) });
    const spans = [
      { timeline: 1, firstSegment: segment(1, 1), lastSegment: segment(1, 2) },
      { timeline: 2, firstSegment: segment(2, 2) },
    ];
    start(jobFor(files, { plan: { spans, histories: ['00000002.history'], endSegment: segment(2, 2) } }));
    await take(segment(1, 1));
    expect(await take(segment(1, 2))).toBe('absent');
    expect(await take(segment(2, 2))).toBe('WAL 22');
  });

  it('takes a hole of which the plan has told for the end, and warns of any other', async () => {
    const files = filesOf(2, { [segment(1, 4)]: wal(4) });
    start(jobFor(files, { plan: { endSegment: segment(1, 2), hole: segment(1, 3) } }));
    for (const number of [1, 2]) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(await take(segment(1, 3))).toBe('absent');
    expect(await take(segment(1, 4))).toBe('absent');
    expect(warnings).toEqual([]);
    await feeders[0]?.stop();
    start(jobFor(files, { plan: { endSegment: segment(1, 2) } }));
    expect(await take(segment(1, 3))).toBe('absent');
    expect(warnings).toEqual([expect.stringContaining(segment(1, 3))]);
  });
});

describe('a failure', () => {
  /** The server must get no answer to this, and hear of the failure. */
  async function expectFailed(feeder: Feeder, code: string, asked: string): Promise<void> {
    await expect(feeder.over).rejects.toMatchObject({ name: 'OdoError', code });
    expect(feeding()).toBe('failed');
    expect([isThere(asked), isAbsent(asked)]).toEqual([false, false]);
  }

  it.each(['storeUnreachable', 'accessDenied', 'dataCorrupt'] as const)(
    'for good of a read (%s) is told, and is never the end of the archive',
    async (code) => {
      const job = jobFor(filesOf(6));
      Object.assign(job.store, { retryForMs: 0 });
      job.store.onRead = (key) => {
        if (key.startsWith(segment(1, 3))) throw new OdoError(code, 'no more');
      };
      const feeder = start(job);
      feeder.takeAllConnections();
      await expectFailed(feeder, code, segment(1, 3));
      await expect(feeder.fed(3)).rejects.toMatchObject({ code });
    },
  );

  it('of a listing is told, and is never the end of the archive', async () => {
    const job = jobFor(filesOf(3));
    let listings = 0;
    const { segments } = job.archive;
    job.archive.segments = (timeline, from, signal) => {
      if (++listings === 2) throw new OdoError('storeUnreachable', 'no more');
      return segments(timeline, from, signal);
    };
    await expectFailed(start(job), 'storeUnreachable', segment(1, 4));
  });

  it.each([
    ['in the middle', segment(1, 3)],
    ['at the end', segment(1, 6)],
    ['at the beginning', segment(1, 1)],
  ])('of an archive that has lost a segment %s is backupIncomplete', async (_where, lost) => {
    const files = filesOf(6);
    const job = jobFor(files);
    files.delete(`${lost}.gz`);
    const feeder = start(job);
    for (let number = 1; number < Number(lost.at(-1)); number++)
      if ((await take(segment(1, number))) === 'failed') break;
    await expectFailed(feeder, 'backupIncomplete', lost);
  });

  it('of a segment that goes after it was listed is backupIncomplete', async () => {
    const files = filesOf(6);
    const job = jobFor(files);
    job.store.onRead = () => void files.delete(`${segment(1, 3)}.gz`);
    await expectFailed(start(job), 'backupIncomplete', segment(1, 3));
  });

  it('of a history that is gone is backupIncomplete, and no history is said to be absent', async () => {
    const feeder = start(jobFor(filesOf(2), { plan: { histories: ['00000002.history'] } }));
    await expectFailed(feeder, 'backupIncomplete', '00000002.history');
    expect(fs.existsSync(path.join(spool, 'histories'))).toBe(false);
  });

  it('of one segment leaves the ones before it', async () => {
    const files = filesOf(3, { [`${segment(1, 2)}.gz`]: gzipSync(Buffer.alloc(SIZE_BYTES - 1)) });
    const feeder = start(jobFor(files));
    await expect(feeder.over).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining(segment(1, 2)),
    });
    expect(names()).not.toContain(segment(1, 2));
  });

  it('that passes makes the server wait, and nothing else', async () => {
    const job = jobFor(filesOf(6));
    Object.assign(job.store, { retryForMs: 60_000 });
    let failures = 3;
    job.store.onRead = (key) => {
      if (key.startsWith(segment(1, 4)) && failures-- > 0) throw new OdoError('storeUnreachable', 'not now');
    };
    start(job);
    for (let number = 1; number <= 6; number++) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(failures).toBeLessThan(0);
  });
});

describe('a feeder that ends', () => {
  it('fetches nothing more, tells the server so, and lets nothing half-written look whole', async () => {
    const job = jobFor(filesOf(6));
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    job.store.onRead = (key) => {
      if (!key.startsWith(segment(1, 2))) return;
      begun.resolve();
      return goOn.promise;
    };
    const feeder = start(job);
    await begun.promise;
    const stopped = feeder.stop();
    goOn.resolve();
    await stopped;
    await expect(feeder.over).resolves.toBeUndefined();
    expect(feeding()).toBe('failed');
    const reads = job.store.reads.length;
    fs.writeFileSync(path.join(spool, 'wanted', segment(1, 5)), '');
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(job.store.reads).toHaveLength(reads);
    expect(isThere(segment(1, 2))).toBe(false);
    await expect(feeder.fed(3)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('leaves a server that waits to another feeder, where there is to be one', async () => {
    const job = jobFor(filesOf(30));
    const first = start(job);
    await take(segment(1, 1));
    await first.stop({ forAnother: true });
    await expect(first.over).resolves.toBeUndefined();
    expect(feeding()).toMatch(/^\d+$/);
    await first.stop();
    expect(feeding()).toMatch(/^\d+$/);
    const waiting = take(segment(1, 20));
    await until(() => expect(fs.existsSync(path.join(spool, 'wanted', segment(1, 20)))).toBe(true));
    start({ ...jobFor(filesOf(30)), reuse: true, onlyOnRequest: true });
    expect(await waiting).toBe('WAL 20');
  });

  it('shows as long as it lives that it does', async () => {
    start(jobFor(filesOf(1)));
    const first = feeding();
    await until(() => expect(feeding()).not.toBe(first));
    expect(feeding()).toMatch(/^\d+$/);
  });
});

describe('a spool that is there already', () => {
  it('is built on when its segments can be relied upon', async () => {
    const feeder = start(jobFor(filesOf(6)));
    await feeder.fed(3);
    await feeder.stop();
    fs.writeFileSync(path.join(spool, segment(1, 99)), 'far off');
    fs.mkdirSync(path.join(spool, 'absent'), { recursive: true });
    fs.writeFileSync(path.join(spool, 'absent', segment(1, 4)), 'of yesterday');
    tally = { readBytes: 0, writtenBytes: 0, segments: 0, reusedSegments: 0 };
    const again = jobFor(filesOf(6));
    await start({ ...again, reuse: true }).fed(3);
    for (let number = 1; number <= 6; number++) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(tally).toMatchObject({ reusedSegments: 3, segments: 3 });
    expect(isThere(segment(1, 99))).toBe(false);
    expect(again.store.reads).toHaveLength(3);
  });

  it('is emptied when they cannot', async () => {
    fs.mkdirSync(spool);
    fs.writeFileSync(path.join(spool, segment(1, 1)), 'torn by a power cut');
    start(jobFor(filesOf(2)));
    expect(await take(segment(1, 1))).toBe('WAL 1');
  });

  it('is fed on in the middle of a recovery from what the server asks for', async () => {
    const job = jobFor(filesOf(30));
    const first = start(job);
    for (let number = 1; number <= 9; number++) await take(segment(1, number));
    await until(() => expect(names()).toHaveLength(3));
    // As after the death of the first: it could tell nothing.
    await first.stop();
    fs.writeFileSync(path.join(spool, 'wanted', segment(1, 20)), '');
    const again = jobFor(filesOf(30));
    start({ ...again, reuse: true, onlyOnRequest: true });
    for (let number = 20; number <= 30; number++) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(await take(segment(1, 31))).toBe('absent');
    expect(again.store.reads).toHaveLength(11);
  });

  it('is fed on for the server that lives, where one that was killed has left its request', async () => {
    const job = jobFor(filesOf(30));
    job.store.onRead = () => new Promise((resolve) => setTimeout(resolve, 30));
    const left = path.join(spool, 'wanted', segment(1, 20));
    fs.mkdirSync(path.dirname(left), { recursive: true });
    fs.writeFileSync(left, '');
    fs.utimesSync(left, new Date(), new Date(Date.now() - 1500));
    start({ ...job, reuse: true, onlyOnRequest: true });
    for (let number = 3; number <= 9; number++) expect(await take(segment(1, number))).toBe(`WAL ${number}`);
    expect(fs.existsSync(left)).toBe(false);
    expect(job.store.reads.length).toBeLessThan(20);
  });

  it('is fed on from behind the end of the archive, too', async () => {
    start({ ...jobFor(filesOf(3)), onlyOnRequest: true });
    expect(await take(segment(1, 4))).toBe('absent');
  });
});
