import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { ReadOptions } from '../../../../src/store/objects/object-store.ts';
import { createRooms } from '../../../../src/tree/writing/room.ts';
import { fillSpool, type SpoolJob } from '../../../../src/wal/feed/fill-spool.ts';
import { setFreeBytes } from '../../parts/free-bytes.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const SIZE_BYTES = 2 ** 20;

/** A segment's content: its number, over and over. */
function wal(number: number): Buffer {
  return Buffer.alloc(SIZE_BYTES, number);
}

function packed(key: string, content: Buffer): Buffer {
  return key.endsWith('.gz')
    ? gzipSync(content, { level: 1 })
    : key.endsWith('.zst')
      ? zstdCompressSync(content)
      : content;
}

/** A store that tells how many reads are under way, and can fail at one of them. */
class WatchedStore extends MemoryStore {
  underWay = 0;
  mostUnderWay = 0;
  onRead: (key: string) => Promise<void> | void = () => nextTurn();

  override async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      await this.onRead(key);
      return await super.read(key, options);
    } finally {
      this.underWay -= 1;
    }
  }
}

let spool: string;
let tally: { readBytes: number; writtenBytes: number; segments: number; reusedSegments: number };

beforeEach(() => {
  spool = path.join(scratchDirectory(), 'spool');
  tally = { readBytes: 0, writtenBytes: 0, segments: 0, reusedSegments: 0 };
});

afterEach(() => {
  vi.restoreAllMocks();
});

function count(what: keyof typeof tally, more: number): void {
  tally[what] += more;
}

function jobFor(
  files: Record<string, Buffer>,
  plan: Partial<SpoolJob['plan']> = {},
): SpoolJob & { store: WatchedStore } {
  const store = new WatchedStore(new Map(Object.entries(files).map(([key, content]) => [key, { content }])));
  return {
    store,
    archive: archiveOf(Object.keys(files), (key) => files[key]?.length ?? 0),
    plan: {
      source: 'archive',
      spans: [{ timeline: 1, firstSegment: segment(1, 1) }],
      segmentSizeBytes: SIZE_BYTES,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 1,
      storedBytes: 0,
      endSegment: segment(1, 1),
      ...plan,
    },
    spool,
    owner: { uid: 999, gid: 998 },
    tally: {
      read: (bytes) => count('readBytes', bytes),
      wrote: (bytes) => count('writtenBytes', bytes),
      segment: () => count('segments', 1),
      reusedSegment: () => count('reusedSegments', 1),
    },
    signal: new AbortController().signal,
  };
}

function namedFiles(...keys: string[]): Record<string, Buffer> {
  return Object.fromEntries(keys.map((key) => [key, packed(key, wal(Number.parseInt(key.slice(16, 24), 16)))]));
}

function held(): string[] {
  return fs.existsSync(spool) ? fs.readdirSync(spool).sort() : [];
}

it('writes a segment as its later owner from the first byte on, so that it is never a file of others', async () => {
  const job = jobFor(namedFiles(`${segment(1, 1)}.gz`));
  const owners: number[] = [];
  job.store.onRead = () => {
    for (const name of held()) owners.push(fs.statSync(path.join(spool, name)).uid);
  };
  await fillSpool(job);
  expect(owners).toEqual([process.getuid?.() === 0 ? 999 : process.getuid?.()]);
});

it.each([
  ['plain', segment(1, 1)],
  ['packed', `${segment(1, 1)}.gz`],
])(
  'gives the memory of what it has read of a %s segment back at once, not when the garbage collector comes by',
  async (_, key) => {
    // Noise, which does not pack: there are many chunks to read.
    const content = randomBytes(SIZE_BYTES);
    const job = jobFor({ [key]: packed(key, content) });
    const given: Uint8Array[] = [];
    const read = job.store.read.bind(job.store);
    job.store.read = async (...args) => {
      const chunks = await read(...args);
      return (async function* () {
        for await (const chunk of chunks) {
          for (let at = 0; at < chunk.length; at += 2 ** 16) {
            // As it comes from a socket: memory of its own.
            const piece = new Uint8Array(chunk.subarray(at, at + 2 ** 16));
            given.push(piece);
            yield piece;
          }
        }
      })();
    };
    await fillSpool(job);
    expect(fs.readFileSync(path.join(spool, segment(1, 1))).equals(content)).toBe(true);
    expect(given.length).toBeGreaterThanOrEqual(16);
    expect(given.filter(({ length }) => length > 0)).toEqual([]);
  },
);

it('fetches every segment and history of the plan, unpacked, by its own name, for the server to read', async () => {
  const files = {
    ...namedFiles(segment(1, 1), `${segment(1, 2)}.gz`, `${segment(1, 3)}.zst`),
    '00000002.history': Buffer.from('1\t0/300000\tx\n'),
    '00000003.history': Buffer.from('1\t0/1\tof another line\n'),
  };
  await fillSpool(jobFor(files, { segments: 3, histories: ['00000002.history'] }));
  expect(held()).toEqual(['00000002.history', segment(1, 1), segment(1, 2), segment(1, 3), 'complete'].sort());
  for (const number of [1, 2, 3])
    expect(fs.readFileSync(path.join(spool, segment(1, number))).equals(wal(number))).toBe(true);
  for (const name of ['.', ...held()]) {
    const { uid, gid, mode } = fs.statSync(path.join(spool, name));
    expect([name, uid, gid, mode & 0o500]).toEqual([name, 999, 998, name === '.' ? 0o500 : 0o400]);
  }
  const stored = Object.entries(files).filter(([key]) => key !== '00000003.history');
  expect(tally).toEqual({
    segments: 3,
    reusedSegments: 0,
    readBytes: stored.reduce((sum, [, content]) => sum + content.length, 0),
    writtenBytes: 3 * SIZE_BYTES + 13,
  });
});

it('does not fetch again what an interrupted run has fetched whole, and nothing else of it counts', async () => {
  const files = {
    ...namedFiles(segment(1, 1), segment(1, 2), segment(1, 3)),
    '00000002.history': Buffer.from('1\t0/300000\tx\n'),
  };
  const interrupted = jobFor(files, { segments: 3, histories: ['00000002.history'] });
  interrupted.store.onRead = (key) => {
    if (key === segment(1, 3)) throw new OdoError('accessDenied', 'no more');
  };
  await expect(fillSpool(interrupted)).rejects.toMatchObject({ code: 'accessDenied' });
  fs.writeFileSync(path.join(spool, 'complete'), '');
  const again = jobFor(files, { segments: 3, histories: ['00000002.history'] });
  again.store.onRead = () => expect(held()).not.toContain('complete');
  const before = held().filter((name) => /^[0-9A-F]{24}$/.test(name));
  await fillSpool({ ...again, reuse: true });
  expect(tally.reusedSegments).toBe(before.length);
  expect(again.store.requests.filter((request) => before.some((name) => request.startsWith(`read ${name}`)))).toEqual(
    [],
  );
  expect(held()).toEqual(['00000002.history', segment(1, 1), segment(1, 2), segment(1, 3), 'complete'].sort());
});

it('relies on nothing in the spool when it is not told to', async () => {
  fs.mkdirSync(spool);
  fs.writeFileSync(path.join(spool, segment(1, 1)), 'torn by a power cut');
  fs.writeFileSync(path.join(spool, segment(1, 9)), 'of another restore');
  await fillSpool(jobFor(namedFiles(segment(1, 1))));
  expect(held()).toEqual([segment(1, 1), 'complete']);
  expect(fs.statSync(path.join(spool, segment(1, 1))).size).toBe(SIZE_BYTES);
});

it('says that it is complete only after everything is there', async () => {
  const job = jobFor(namedFiles(segment(1, 1), segment(1, 2)), { segments: 2 });
  job.store.onRead = async () => {
    await nextTurn();
    expect(held()).not.toContain('complete');
  };
  await fillSpool(job);
  expect(held()).toContain('complete');
});

it('fetches many at a time, but not all at once', async () => {
  const job = jobFor(namedFiles(...Array.from({ length: 20 }, (_, index) => segment(1, index + 1))), { segments: 20 });
  await fillSpool(job);
  expect(job.store.mostUnderWay).toBeGreaterThan(2);
  expect(job.store.mostUnderWay).toBeLessThanOrEqual(8);
});

it('holds nothing but is complete for a backup that brings its own WAL', async () => {
  const { archive: _archive, plan: _plan, ...job } = jobFor({});
  await fillSpool(job);
  expect(held()).toEqual(['complete']);
});

it('ends at a hole, of which the plan has told', async () => {
  await fillSpool(
    jobFor(namedFiles(segment(1, 1), segment(1, 2), segment(1, 4)), { segments: 2, hole: segment(1, 3) }),
  );
  expect(held()).toEqual([segment(1, 1), segment(1, 2), 'complete']);
});

it('takes along what has been archived since the plan was made', async () => {
  await fillSpool(jobFor(namedFiles(segment(1, 1), segment(1, 2)), { segments: 1 }));
  expect(held()).toContain(segment(1, 2));
});

it.each([
  ['a segment in the middle', namedFiles(segment(1, 1), segment(1, 3)), { segments: 3 }],
  ['the last segment', namedFiles(segment(1, 1), segment(1, 2)), { segments: 3 }],
  ['everything', {}, { segments: 3 }],
  ['a history', namedFiles(segment(1, 1), segment(1, 2)), { segments: 2, histories: ['00000002.history'] }],
])('is never complete when the archive has lost %s since the plan was made', async (_what, files, plan) => {
  await expect(fillSpool(jobFor(files, plan))).rejects.toMatchObject({ code: 'backupIncomplete' });
  expect(held()).not.toContain('complete');
});

it.each([
  ['short', Buffer.alloc(SIZE_BYTES - 1)],
  ['long', Buffer.alloc(SIZE_BYTES + 1)],
  ['empty', Buffer.alloc(0)],
])('gives no segment to the server that is too %s', async (_what, content) => {
  const job = jobFor({ ...namedFiles(segment(1, 1)), [segment(1, 2)]: content }, { segments: 2 });
  await expect(fillSpool(job)).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining(segment(1, 2)),
  });
  expect(held()).not.toContain(segment(1, 2));
  expect(held()).not.toContain('complete');
});

it('gives no half of a file to the server: what breaks off in the middle has another name', async () => {
  const whole = gzipSync(wal(2), { level: 0 });
  const job = jobFor({ [`${segment(1, 1)}.gz`]: whole.subarray(0, whole.length / 2) });
  await expect(fillSpool(job)).rejects.toMatchObject({ code: 'dataCorrupt' });
  expect(held()).toEqual([`${segment(1, 1)}.incoming`]);
});

it('ends with the first failure, when nothing is under way any more', async () => {
  const job = jobFor(namedFiles(...Array.from({ length: 20 }, (_, index) => segment(1, index + 1))), { segments: 20 });
  job.store.onRead = async (key) => {
    if (key === segment(1, 3)) throw new OdoError('accessDenied', 'no more');
    await nextTurn();
  };
  await expect(fillSpool(job)).rejects.toMatchObject({ code: 'accessDenied', message: 'no more' });
  expect(job.store.underWay).toBe(0);
  expect(held()).not.toContain('complete');
  expect(held().length).toBeLessThan(20);
  expect(
    fs
      .readdirSync('/proc/self/fd')
      .map((fd) => fs.existsSync(`/proc/self/fd/${fd}`) && fs.readlinkSync(`/proc/self/fd/${fd}`))
      .filter((file) => String(file).startsWith(spool)),
  ).toEqual([]);
});

it('ends when it is cancelled, and is not complete', async () => {
  const controller = new AbortController();
  const job = { ...jobFor(namedFiles(segment(1, 1), segment(1, 2)), { segments: 2 }), signal: controller.signal };
  job.store.onRead = () => controller.abort();
  await expect(fillSpool(job)).rejects.toMatchObject({ code: 'cancelled' });
  expect(held()).not.toContain('complete');
});

it('says of numbers that are taken that they have a history, for the new timeline to get none of them', async () => {
  const files = namedFiles(segment(1, 1));
  await fillSpool(jobFor(files, { passedOver: [2, 3] }));
  expect(fs.readdirSync(spool).sort()).toEqual([segment(1, 1), '00000002.history', '00000003.history', 'complete']);
  expect(fs.readFileSync(path.join(spool, '00000003.history'), 'utf8')).toMatch(/^# odo: .*timeline 3/);
  // Another plan over what the first has left: what it does not pass over is free again.
  await fillSpool({ ...jobFor(files, { passedOver: [2] }), reuse: true });
  expect(fs.existsSync(path.join(spool, '00000003.history'))).toBe(false);
});

it.each([
  ['empty', Buffer.alloc(0)],
  ['cut off', wal(1).subarray(0, 1000)],
  ['of another cluster or damaged', Buffer.alloc(SIZE_BYTES + 1)],
])('takes the other object of a segment where the first one is %s', async (_what, bad) => {
  const good = `${segment(1, 1)}.gz`;
  const job = jobFor({ ...namedFiles(good), [segment(1, 1)]: bad });
  const [twin] = await Array.fromAsync(archiveOf([good], () => packed(good, wal(1)).length).segments(1, segment(1, 1)));
  const only = archiveOf([segment(1, 1)], () => bad.length);
  job.archive = {
    ...only,
    async *segments(...from) {
      for await (const file of only.segments(...from)) yield { ...file, ...(twin ? { twins: [twin] } : {}) };
    },
  };
  await fillSpool(job);
  expect(fs.readFileSync(path.join(spool, segment(1, 1))).equals(wal(1))).toBe(true);
  job.store.objects.set(good, { content: Buffer.alloc(twin?.sizeBytes ?? 0, 1) });
  fs.rmSync(spool, { recursive: true });
  // None is good: the first one's fault is told.
  await expect(fillSpool(job)).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringMatching(new RegExp(`${segment(1, 1)} holds ${bad.length} `)),
  });
});

it('ends before the disk is full, and keeps what it has', async () => {
  const keys = [1, 2, 3, 4, 5].map((number) => `${segment(1, number)}.gz`);
  const job = jobFor(namedFiles(...keys), { segments: 5, endSegment: segment(1, 5) });
  const whole = () => held().filter((name) => !name.endsWith('.incoming'));
  setFreeBytes(() => 3 * SIZE_BYTES - whole().length * SIZE_BYTES);
  await expect(fillSpool({ ...job, roomOf: createRooms({ besideServer: false }) })).rejects.toMatchObject({
    code: 'noSpace',
  });
  expect(whole().length).toBeLessThanOrEqual(3);
  expect(held()).not.toContain('complete');
  vi.restoreAllMocks();
  await fillSpool({ ...job, reuse: true, roomOf: createRooms({ besideServer: false }) });
  expect(held()).toContain('complete');
});
