import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { syncFileSystem, writeFileDurably } from '../../../src/target/durable.ts';
import { scratchDirectory } from '../scratch-directory.ts';
import { crashesAt } from './crash.ts';

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

it('flushes with whatever sync program there is, and says so when there is none', async () => {
  const directory = scratchDirectory();
  await syncFileSystem(directory);
  const old = path.join(directory, 'sync');
  fs.writeFileSync(old, '#!/bin/sh\n[ $# -eq 0 ] && : > "$0.ran"\n', { mode: 0o755 });
  vi.stubEnv('PATH', directory);
  await syncFileSystem(directory);
  expect(fs.existsSync(`${old}.ran`)).toBe(true);
  fs.rmSync(old);
  await expect(syncFileSystem(directory)).rejects.toMatchObject({ name: 'OdoError', hint: expect.stringContaining('--no-sync') });
});
