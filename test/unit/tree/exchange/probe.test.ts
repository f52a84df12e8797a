import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Journal, writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { probePlace } from '../../../../src/tree/exchange/probe.ts';
import type { Place } from '../../../../src/tree/places/place.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../../parts/tree-snapshot.ts';

function placeIn(volume: string): Place {
  return { root: path.join(volume, 'pg/data'), odoDir: path.join(volume, '.odo') };
}

function journalFor(place: Place, state: Journal['state']): Journal {
  return { version: 1, state, backupId: 'b1', startedAt: '2026-01-01T00:00:00Z', places: [place] };
}

it('tells a data directory by its PG_VERSION, with its owner and the free room', () => {
  const place = placeIn(scratchDirectory());
  plantTree(place.root, { PG_VERSION: '17\n', base: '', a: '', b: '', c: '', d: '' });
  fs.chownSync(place.root, 70, 71);
  const probe = probePlace(place);
  expect(probe).toMatchObject({
    exists: true,
    empty: false,
    pgVersion: '17',
    owner: { uid: 70, gid: 71 },
    hasPrevious: false,
  });
  expect(probe.sample).toEqual(['PG_VERSION', 'a', 'b', 'base', 'c']);
  const { bavail, bsize } = fs.statfsSync(place.root);
  expect(Math.abs(probe.freeBytes - bavail * bsize)).toBeLessThan(2 ** 30);
  expect(probe.freeInodes).toBeGreaterThan(0);
});

it('takes a volume for empty that has nothing but what mkfs and ODO left', () => {
  const volume = scratchDirectory();
  plantTree(volume, { 'lost+found/': '', '.odo/incoming/PG_VERSION': '17' });
  expect(probePlace({ root: volume, odoDir: path.join(volume, '.odo') })).toMatchObject({
    exists: true,
    empty: true,
    sample: [],
  });
});

it('looks at a directory that is not there yet through its nearest parent, and makes nothing', () => {
  const volume = scratchDirectory();
  const probe = probePlace(placeIn(volume));
  expect(probe).toMatchObject({ exists: false, empty: true, hasPrevious: false, usedSinceSwap: false });
  expect(probe.freeBytes).toBeGreaterThan(0);
  expect(probe).not.toHaveProperty('owner');
  expect(fs.readdirSync(volume)).toEqual([]);
});

it('changes nothing', () => {
  const volume = scratchDirectory();
  const place = placeIn(volume);
  plantTree(volume, { 'pg/data/PG_VERSION': '17', '.odo/previous/x': '', '.odo/incoming/y': '' });
  writeJournal(place.odoDir, journalFor(place, 'moving-out'));
  const before = snapshotTree(volume);
  probePlace(place);
  expect(snapshotTree(volume)).toEqual(before);
});

it('reports what the journal says, and whether older content waits', () => {
  const place = placeIn(scratchDirectory());
  plantTree(place.root, { PG_VERSION: '17' });
  fs.mkdirSync(path.join(place.odoDir, 'previous'), { recursive: true });
  writeJournal(place.odoDir, journalFor(place, 'moving-out'));
  expect(probePlace(place)).toMatchObject({
    hasPrevious: false,
    journalState: 'moving-out',
    journalBackupId: 'b1',
    journalPlaces: [place],
  });
  fs.writeFileSync(path.join(place.odoDir, 'previous/PG_VERSION'), '15');
  expect(probePlace(place).hasPrevious).toBe(true);
});

it('refuses a file in the place of a directory', () => {
  const root = path.join(scratchDirectory(), 'file');
  fs.writeFileSync(root, '');
  expect(() => probePlace({ root, odoDir: path.join(root, '.odo') })).toThrow(
    expect.objectContaining({ code: 'unsafeTarget', message: expect.stringContaining('not a directory') }),
  );
});
