import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRooms, type Room, reserveOf } from '../../../../src/tree/writing/room.ts';
import { setFreeBytes } from '../../parts/free-bytes.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const MIB = 2 ** 20;
const noSpace = expect.objectContaining({ code: 'noSpace' });

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the room of a disk', () => {
  let freeBytes: number;
  let looks: number;

  function roomOf(free: number): Room {
    freeBytes = free;
    looks = 0;
    setFreeBytes(() => {
      looks += 1;
      return freeBytes;
    });
    return createRooms({ besideServer: false })(scratchDirectory());
  }

  it('is given to the last byte, and not twice: what was promised and is not written yet counts', () => {
    const room = roomOf(100 * MIB);
    const [one, other] = [room.claim(), room.claim()];
    one.demand(60 * MIB);
    expect(room.fits(40 * MIB)).toBe(true);
    expect(room.fits(40 * MIB + 1)).toBe(false);
    expect(() => other.demand(41 * MIB)).toThrow(noSpace);
    one.wrote(60 * MIB);
    freeBytes -= 60 * MIB;
    other.demand(40 * MIB);
    expect(room.fits(1)).toBe(false);
    other.release();
    expect(room.fits(40 * MIB)).toBe(true);
  });

  it('comes back with what a file did not need in the end', () => {
    const room = roomOf(100 * MIB);
    const claim = room.claim();
    claim.demand(90 * MIB);
    claim.wrote(10 * MIB);
    freeBytes -= 10 * MIB;
    claim.demand(90 * MIB);
    expect(() => claim.demand(91 * MIB)).toThrow(noSpace);
  });

  it('is looked at now and then, since others write as well, and not for every file', () => {
    const room = roomOf(10_000 * MIB);
    const claim = room.claim();
    const writeMib = (count: number) => {
      for (let file = 0; file < count; file++) {
        claim.demand(MIB);
        claim.wrote(MIB);
        freeBytes -= MIB;
      }
    };
    writeMib(1000);
    expect(looks).toBeLessThan(25);
    // Somebody else takes it all.
    freeBytes = 0;
    expect(() => writeMib(66)).toThrow(noSpace);
  });

  it('counts what is taken without asking', () => {
    const room = roomOf(100 * MIB);
    room.claim().demand(MIB);
    room.claim().take(90 * MIB);
    expect(() => room.claim().demand(20 * MIB)).toThrow(noSpace);
  });
});

it('is kept for a server at work: a twentieth of the disk, 64 MiB at least and a GiB at most', () => {
  const gib = 1024 * MIB;
  expect([1, 10, 1000].map((size) => reserveOf(size * gib, true))).toEqual([64 * MIB, 512 * MIB, gib]);
  expect(reserveOf(1000 * gib, false)).toBe(64 * MIB);
});
