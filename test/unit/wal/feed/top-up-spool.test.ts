import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createRooms } from '../../../../src/tree/writing/room.ts';
import { type TopUpJob, topUpSpool } from '../../../../src/wal/feed/top-up-spool.ts';
import { setFreeBytes } from '../../parts/free-bytes.ts';
import { MemoryStore } from '../../parts/memory-store.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const SIZE_BYTES = 2 ** 20;

let spool: string;
/** The archive, which may grow: content by key. */
let files: Map<string, Buffer>;
let listings: string[];
let readBytes: number;

beforeEach(() => {
  spool = scratchDirectory();
  files = new Map();
  listings = [];
  readBytes = 0;
  archived(1, 1, 2, 3, 4);
});

function archived(timeline: number, ...numbers: number[]): void {
  const content = (number: number) => gzipSync(Buffer.alloc(SIZE_BYTES, 16 * timeline + number), { level: 1 });
  for (const number of numbers) files.set(`${segment(timeline, number)}.gz`, content(number));
}

function topUp(
  replayLsn: string,
  more: Partial<Omit<TopUpJob, 'position'>> = {},
  position: Partial<TopUpJob['position']> = {},
) {
  const archive = archiveOf([...files.keys()], (key) => files.get(key)?.length ?? 0);
  return topUpSpool({
    store: new MemoryStore(new Map([...files].map(([key, content]) => [key, { content }]))),
    archive: {
      ...archive,
      segments(timeline, from, signal) {
        listings.push(from);
        return archive.segments(timeline, from, signal);
      },
    },
    spool,
    position: {
      timeline: 1,
      redoLsn: '0/100028',
      replayLsn,
      targetTimeline: 'latest',
      segmentSizeBytes: SIZE_BYTES,
      ...position,
    },
    ownHistories: [],
    spoolBytes: 16 * SIZE_BYTES,
    isDurable: true,
    tally: {
      read(bytes) {
        readBytes += bytes;
      },
      wrote: () => undefined,
    },
    signal: new AbortController().signal,
    ...more,
  });
}

const held = () => fs.readdirSync(spool).sort();
const segments = (...numbers: number[]) => numbers.map((number) => segment(1, number));

describe('topping up the spool of a standby', () => {
  it('brings what comes next, and by and by what is archived; what is there is not fetched again', async () => {
    expect(await topUp('0/200100')).toEqual({ segments: 3, isFull: false, lastSegment: segment(1, 4) });
    expect(held()).toEqual(segments(2, 3, 4));
    expect(fs.readFileSync(path.join(spool, segment(1, 3)))).toEqual(Buffer.alloc(SIZE_BYTES, 19));
    readBytes = 0;
    expect(await topUp('0/200100')).toEqual({ segments: 0, isFull: false, lastSegment: segment(1, 4) });
    expect(readBytes).toBe(0);
    archived(1, 5);
    expect(await topUp('0/400100')).toEqual({ segments: 1, isFull: false, lastSegment: segment(1, 5) });
    expect(listings).toEqual(segments(2, 2, 4));
  });

  it('takes away what the server has behind it, what is off its way and what is not whole; nothing else', async () => {
    const names = [...segments(1, 2), segment(2, 3), `${segment(1, 3)}.incoming`, 'complete', '00000001.history'];
    plantTree(spool, Object.fromEntries(names.map((name) => [name, 'x'])));
    await topUp('0/400000');
    expect(held()).toEqual(['00000001.history', segment(1, 4), 'complete'].sort());
  });

  it('holds no more than it may ahead of the server, and asks the archive of nothing when it is full', async () => {
    const few = { spoolBytes: 2 * SIZE_BYTES };
    expect(await topUp('0/100100', few)).toEqual({ segments: 2, isFull: true, lastSegment: segment(1, 2) });
    listings = [];
    expect(await topUp('0/100200', few)).toMatchObject({ segments: 0, isFull: true });
    expect(listings).toEqual([]);
    expect(await topUp('0/200100', few)).toMatchObject({ segments: 1, isFull: true });
    expect(held()).toEqual(segments(2, 3));
    // Two at the least: the one that is being replayed, and the next.
    expect(await topUp('0/300100', { spoolBytes: 1 })).toMatchObject({ segments: 1, isFull: false });
    expect(held()).toEqual(segments(3, 4));
  });

  it('holds no more than the disk does, yet always the one that comes next', async () => {
    setFreeBytes(() => 2 * SIZE_BYTES - held().length * SIZE_BYTES);
    const room = createRooms({ besideServer: false })(spool);
    expect(await topUp('0/100100', { room })).toMatchObject({ segments: 2, isFull: true });
    expect(await topUp('0/100100', { room })).toMatchObject({ segments: 0, isFull: true });
    setFreeBytes(() => 0);
    expect(await topUp('0/300100', { room })).toMatchObject({ segments: 1, isFull: true, lastSegment: segment(1, 3) });
    vi.restoreAllMocks();
  });

  it('brings nothing from behind a hole, and names it', async () => {
    files.delete(`${segment(1, 3)}.gz`);
    expect(await topUp('0/200100')).toEqual({
      segments: 1,
      isFull: false,
      hole: segment(1, 3),
      lastSegment: segment(1, 2),
    });
    archived(1, 3);
    expect(await topUp('0/200100')).toMatchObject({ segments: 2, lastSegment: segment(1, 4) });
  });

  it('leads over to a new timeline by its history, and leaves the old one where that ends', async () => {
    await topUp('0/200100');
    files.set('00000002.history', Buffer.from('1\t0/280000\tpromoted\n'));
    archived(2, 2, 3);
    expect(await topUp('0/200200')).toEqual({ segments: 2, isFull: false, lastSegment: segment(2, 3) });
    expect(held()).toEqual(['00000002.history', segment(1, 2), segment(2, 2), segment(2, 3)].sort());
    // It is told of once, and the server is known to go that way.
    archived(2, 4);
    expect(await topUp('0/300100')).toMatchObject({ segments: 1, lastSegment: segment(2, 4) });
    expect(held()).toEqual(['00000002.history', segment(2, 3), segment(2, 4)].sort());
    // From its own next restartpoint, and where it has the history from its primary.
    fs.rmSync(path.join(spool, '00000002.history'));
    expect(await topUp('0/300100', { ownHistories: ['00000002.history', segment(2, 2)] })).toMatchObject({
      segments: 0,
    });
    expect(await topUp('0/400100', {}, { timeline: 2, redoLsn: '0/300100' })).toMatchObject({ segments: 0 });
    expect(held()).toEqual(['00000002.history', segment(2, 4)].sort());
  });

  it('keeps a timeline from the server that leads elsewhere, and names it', async () => {
    files.set('00000002.history', Buffer.from('1\t0/180000\tpromoted\n'));
    archived(2, 1, 2);
    expect(await topUp('0/300100')).toEqual({ segments: 2, isFull: false, astray: 2, lastSegment: segment(1, 4) });
    expect(held()).toEqual(segments(3, 4));
  });

  it('leaves nothing that is not whole when a segment is of the wrong size', async () => {
    files.set(`${segment(1, 2)}.gz`, gzipSync(Buffer.alloc(10)));
    await expect(topUp('0/200100')).rejects.toMatchObject({ code: 'dataCorrupt' });
    expect(held()).not.toContain(segment(1, 2));
  });
});
