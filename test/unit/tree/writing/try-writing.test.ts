import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Place } from '../../../../src/tree/places/place.ts';
import { tryWriting } from '../../../../src/tree/writing/try-writing.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../../parts/tree-snapshot.ts';

const STAT = fs.statSync;
const OWNER = { uid: 999, gid: 998 };

let volume: string;
let place: Place;

beforeEach(() => {
  volume = scratchDirectory();
  place = { root: path.join(volume, 'pgdata'), odoDir: path.join(volume, '.odo') };
  vi.spyOn(process, 'getuid').mockReturnValue(0);
  chownGives(OWNER);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a file that is given away belongs to. */
function chownGives({ uid, gid }: { uid: number; gid: number }): void {
  vi.spyOn(fs, 'chownSync').mockImplementation(() => undefined);
  vi.spyOn(fs, 'statSync').mockImplementation(((file: string, options?: fs.StatSyncOptions) =>
    Object.assign(STAT(file, options) ?? {}, { uid, gid })) as never);
}

function failing(code: string) {
  return () => {
    throw Object.assign(new Error(`${code}: not permitted`), { code });
  };
}

const refusal = (words: RegExp) =>
  expect.objectContaining({
    code: 'unsafeTarget',
    message: expect.stringMatching(words),
    hint: expect.stringContaining('root_squash'),
  });

it('leaves nothing behind where all is well, whatever is there', () => {
  plantTree(volume, { 'pgdata/PG_VERSION': '15' });
  const before = snapshotTree(volume);
  tryWriting(place, OWNER);
  expect(snapshotTree(volume)).toEqual(before);
  plantTree(volume, { '.odo/journal.json': '{}', '.odo/try-killed/file': 'of a killed run' });
  fs.utimesSync(path.join(place.odoDir, 'try-killed'), 0, 0);
  tryWriting(place, OWNER);
  expect(fs.readdirSync(place.odoDir)).toEqual(['journal.json']);
});

it('tries the nearest directory above one that is yet to be made', () => {
  tryWriting({ root: path.join(volume, 'a/b'), odoDir: path.join(volume, 'a/b/.odo') }, OWNER);
  expect(fs.readdirSync(volume)).toEqual([]);
});

it.each([
  ['the same place', 'pgdata'],
  ['one beside it, with neither there yet', 'a/b'],
])('leaves alone what another run tries in %s, and is left alone', (_what, root) => {
  const other = { root: path.join(volume, root), odoDir: path.join(volume, root === 'pgdata' ? '.odo' : 'a/b/.odo') };
  const beside = root === 'pgdata' ? place : { root: path.join(volume, 'a/c'), odoDir: path.join(volume, 'a/c/.odo') };
  let tries = 0;
  vi.mocked(fs.chownSync).mockImplementation((file) => {
    if (++tries === 1) tryWriting(other, OWNER);
    STAT(file);
  });
  tryWriting(beside, OWNER);
  expect(tries).toBe(4);
  expect(fs.readdirSync(volume)).toEqual([]);
});

it('makes the folder again where another run has just removed it', () => {
  const { mkdtempSync } = fs;
  let attempts = 0;
  vi.spyOn(fs, 'mkdtempSync').mockImplementation(((prefix: string) => {
    if (++attempts === 1) fs.rmdirSync(place.odoDir);
    return mkdtempSync(prefix);
  }) as never);
  tryWriting(place, OWNER);
  expect(attempts).toBe(2);
});

it('does so where that one was quicker still', () => {
  const { mkdirSync } = fs;
  let attempts = 0;
  vi.spyOn(fs, 'mkdirSync').mockImplementation(((directory: string, options: object) => {
    const made = mkdirSync(directory, options);
    if (++attempts === 1) fs.rmdirSync(directory);
    return made;
  }) as never);
  tryWriting(place, OWNER);
  expect(attempts).toBe(2);
});

it('leaves a folder alone that another run has made', () => {
  fs.mkdirSync(place.odoDir);
  tryWriting(place, OWNER);
  expect(fs.readdirSync(place.odoDir)).toEqual([]);
});

it('removes what a killed run has left beside a place that is yet to be made', () => {
  plantTree(volume, { '.odo-try-killed/file': 'x', '.odo-try-new/file': 'x' });
  fs.utimesSync(path.join(volume, '.odo-try-killed'), 0, 0);
  tryWriting({ root: path.join(volume, 'a/b'), odoDir: path.join(volume, 'a/b/.odo') }, OWNER);
  expect(fs.readdirSync(volume)).toEqual(['.odo-try-new']);
});

it.each(['EPERM', 'EINVAL', 'EOVERFLOW'])('is refused where root may not give files away (%s)', (code) => {
  vi.spyOn(fs, 'chownSync').mockImplementation(failing(code));
  expect(() => tryWriting(place, OWNER)).toThrow(
    refusal(new RegExp(`could not give a file in it to 999:998 \\(${code}\\)`)),
  );
  expect(fs.readdirSync(volume)).toEqual([]);
});

it('is refused where files belong to somebody else all the same', () => {
  chownGives({ uid: 65534, gid: 65534 });
  expect(() => tryWriting(place, OWNER)).toThrow(refusal(/belongs to 65534:65534, also when it is given to 999:998/));
});

it('is refused where modes are not kept', () => {
  const { chmodSync } = fs;
  vi.spyOn(fs, 'chmodSync').mockImplementation((file) => chmodSync(file, 0o755));
  expect(() => tryWriting(place, OWNER)).toThrow(refusal(/have the mode 0755, also when 0700 is set/));
});

it('does not give anything away for a user who may not', () => {
  vi.mocked(process.getuid as () => number).mockReturnValue(1000);
  vi.spyOn(fs, 'chownSync').mockImplementation(failing('EPERM'));
  tryWriting(place, OWNER);
});

it('says what the disk says', () => {
  vi.spyOn(fs, 'writeFileSync').mockImplementation(failing('ENOSPC'));
  expect(() => tryWriting(place, OWNER)).toThrow(expect.objectContaining({ code: 'noSpace' }));
});
