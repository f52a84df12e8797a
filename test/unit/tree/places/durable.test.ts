import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { syncFileSystem, syncTree, writeFileDurably } from '../../../../src/tree/places/durable.ts';
import { crashesAt } from '../../parts/crash.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it('replaces a file with mode and owner as asked, and leaves nothing else behind', () => {
  const file = path.join(scratchDirectory(), 'conf');
  fs.writeFileSync(file, 'old', { mode: 0o600 });
  const umask = process.umask(0o077);
  try {
    writeFileDurably(file, 'new', 0o640, { uid: 999, gid: 998 });
  } finally {
    process.umask(umask);
  }
  const { mode, uid, gid } = fs.statSync(file);
  expect([fs.readFileSync(file, 'utf8'), (mode & 0o777).toString(8), uid, gid]).toEqual(['new', '640', 999, 998]);
  expect(fs.readdirSync(path.dirname(file))).toEqual(['conf']);
});

it('syncs the content before the rename and the directory after it', () => {
  const file = path.join(scratchDirectory(), 'conf');
  const steps: string[] = [];
  const { fsyncSync, renameSync } = fs;
  vi.spyOn(fs, 'fsyncSync').mockImplementation((fd) => {
    steps.push(fs.fstatSync(fd).isDirectory() ? 'sync directory' : 'sync file');
    fsyncSync(fd);
  });
  vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    steps.push('rename');
    renameSync(from, to);
  });
  writeFileDurably(file, 'new');
  expect(steps).toEqual(['sync file', 'rename', 'sync directory']);
});

it('keeps the old content when it dies before the rename, and is not disturbed by what that left', () => {
  const file = path.join(scratchDirectory(), 'conf');
  fs.writeFileSync(file, 'old');
  expect(crashesAt(1, () => writeFileDurably(file, 'a much longer new content'))).toBe(true);
  expect(fs.readFileSync(file, 'utf8')).toBe('old');
  writeFileDurably(file, 'short');
  expect(fs.readFileSync(file, 'utf8')).toBe('short');
});

describe('the sync program', () => {
  let directory: string;

  /** Puts one of the given text first in the path. */
  function withProgram(script: string): void {
    directory = scratchDirectory();
    fs.writeFileSync(path.join(directory, 'sync'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', directory);
  }

  it('flushes one file system', async () => {
    await syncFileSystem(scratchDirectory());
  });

  it.each([
    ["sync: invalid option -- 'f'\nTry 'sync --help' for more information.", 'coreutils before 8.24'],
    ['sync: unrecognized option: f\nBusyBox v1.22 multi-call binary.\n\nUsage: sync', 'busybox'],
    ['usage: sync', 'macOS'],
  ])('flushes everything where it does not know -f: %j (%s)', async (words) => {
    withProgram(`if [ $# -eq 0 ]; then : > "$0.ran"; else echo "${words}" >&2; exit 1; fi`);
    await syncFileSystem(directory);
    expect(fs.existsSync(path.join(directory, 'sync.ran'))).toBe(true);
  });

  it.each([
    ['echo "sync: error syncing \'/v\': Input/output error" >&2; exit 1', 'Input/output error'],
    ['echo "sync: error syncing \'/v\': No space left on device" >&2; exit 1', 'No space left on device'],
    ['exit 1', 'sync ended with 1'],
  ])('that tells of an error is not asked another way: %s', async (script, words) => {
    withProgram(`[ $# -eq 0 ] && exit 0\n${script}`);
    const writeFailed = { code: 'writeFailed', message: expect.stringContaining(words) };
    await expect(syncFileSystem('/v')).rejects.toMatchObject(writeFailed);
  });

  it('that is not there is named, with what helps', async () => {
    vi.stubEnv('PATH', scratchDirectory());
    await expect(syncFileSystem('/v')).rejects.toMatchObject({
      name: 'OdoError',
      hint: expect.stringContaining('--no-sync'),
    });
  });
});

it('flushes each file of a tree, and names one that has not reached the disk', async () => {
  const directory = scratchDirectory();
  fs.mkdirSync(path.join(directory, 'base/1'), { recursive: true });
  for (const name of ['a', 'base/b', 'base/1/c']) fs.writeFileSync(path.join(directory, name), name);
  fs.symlinkSync('nowhere', path.join(directory, 'link'));
  await syncTree(directory);
  await syncTree(path.join(directory, 'none'));
  const { open } = fs.promises;
  vi.spyOn(fs.promises, 'open').mockImplementation(async (file, flags) => {
    const handle = await open(file, flags);
    if (String(file).endsWith('1/c'))
      handle.sync = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
    return handle;
  });
  await expect(syncTree(directory)).rejects.toMatchObject({
    code: 'writeFailed',
    message: expect.stringMatching(/base\/1\/c.*EIO/),
  });
});
