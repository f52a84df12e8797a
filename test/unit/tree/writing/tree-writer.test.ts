import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TarEntry } from '../../../../src/stream/bytes/entry.ts';
import { createTreeWriter, type TreeWriter } from '../../../../src/tree/writing/tree-writer.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../../parts/tree-snapshot.ts';

const MTIME_MS = Date.parse('2024-02-29T12:34:56.789Z');

function entry(name: string, type: TarEntry['type'], more: Partial<TarEntry> = {}): TarEntry {
  return { path: name, type, mode: 0o600, uid: 26, gid: 26, mtimeMs: MTIME_MS, sizeBytes: 0, ...more };
}

function write(writer: TreeWriter, name: string, content: string, more: Partial<TarEntry> = {}): void {
  const sink = writer.accept(entry(name, 'file', { sizeBytes: content.length, ...more }));
  const half = Math.ceil(content.length / 2);
  for (const piece of [content.slice(0, half), content.slice(half)]) if (piece !== '') sink.write(Buffer.from(piece));
  sink.end();
}

function openFiles(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

let root: string;
let outside: string;

beforeEach(() => {
  const scratch = scratchDirectory();
  root = path.join(scratch, 'root');
  outside = path.join(scratch, 'outside');
  plantTree(root, {});
  plantTree(outside, { secret: 'untouched' });
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('what it makes', () => {
  it('has the modes of the tar but for setgid and its like, and the owner asked for, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      const writer = createTreeWriter({ root, owner: { uid: 999, gid: 998 } });
      writer.accept(entry('', 'directory', { mode: 0o750 }));
      writer.accept(entry('base', 'directory', { mode: 0o2750 }));
      write(writer, 'base/1', 'heap', { mode: 0o640 });
      writer.accept(entry('log', 'symlink', { linkName: '/var/log/pg' }));
      writer.accept(entry('base/2', 'link', { linkName: 'base/1' }));
      expect(writer.files).toBe(1);
    } finally {
      process.umask(umask);
    }
    const { '.': _root, ...content } = snapshotTree(root);
    expect(content).toEqual({
      base: 'directory 750 999:998',
      'base/1': 'file 640 999:998 heap',
      'base/2': 'file 640 999:998 heap',
      log: 'link to /var/log/pg 999:998',
    });
    expect(fs.statSync(path.join(root, 'base/1')).ino).toBe(fs.statSync(path.join(root, 'base/2')).ino);
    expect(fs.statSync(root).mode & 0o777).toBe(0o750);
  });

  it('has the times of the tar, also in directories that were written into afterwards', () => {
    const writer = createTreeWriter({ root });
    writer.accept(entry('', 'directory', { mode: 0o700 }));
    writer.accept(entry('base', 'directory', { mode: 0o700, mtimeMs: MTIME_MS - 5000 }));
    write(writer, 'base/1', 'heap');
    writer.finish();
    expect(fs.statSync(path.join(root, 'base/1')).mtimeMs).toBeCloseTo(MTIME_MS, 0);
    expect(fs.statSync(path.join(root, 'base')).mtimeMs).toBeCloseTo(MTIME_MS - 5000, 0);
    expect(fs.statSync(root).mtimeMs).toBeCloseTo(MTIME_MS, 0);
  });

  it('comes out the same when files come before their directories, and directories twice', () => {
    const writer = createTreeWriter({ root, owner: { uid: 999, gid: 998 } });
    write(writer, 'base/5/1', 'heap');
    writer.accept(entry('base/5', 'directory', { mode: 0o750 }));
    writer.accept(entry('base/5', 'directory', { mode: 0o700 }));
    expect(snapshotTree(root)).toMatchObject({ base: 'directory 700 999:998', 'base/5': 'directory 700 999:998' });
  });

  it('can always be entered by its owner, since more goes into a directory', () => {
    const writer = createTreeWriter({ root });
    writer.accept(entry('closed', 'directory', { mode: 0o500 }));
    expect(snapshotTree(root).closed).toMatch(/^directory 700 /);
  });

  it('goes where `place` says, or nowhere, and has the latest content of a path that may come again', () => {
    const held = path.join(outside, 'held');
    const told: number[] = [];
    const writer = createTreeWriter({
      root,
      place: ({ path: name }) => (name === 'global/pg_control' ? held : name === 'postmaster.pid' ? 'skip' : undefined),
      mayRepeat: ({ path: name }) => (name === 'twice' ? 'later' : undefined),
      onBytes: (bytes) => told.push(bytes),
    });
    write(writer, 'global/pg_control', 'control');
    write(writer, 'postmaster.pid', '1234');
    write(writer, 'twice', 'the longer first one');
    write(writer, 'twice', 'last');
    expect(Object.keys(snapshotTree(root))).toEqual(['.', 'twice']);
    expect(fs.readFileSync(path.join(root, 'twice'), 'utf8')).toBe('last');
    expect(fs.readFileSync(held, 'utf8')).toBe('control');
    expect(told.reduce((sum, bytes) => sum + bytes, 0)).toBe('controlthe longer first onelast'.length);
  });

  it('is whole even when the kernel takes less at a time than it is given', () => {
    const { writeSync } = fs;
    vi.spyOn(fs, 'writeSync').mockImplementation(((
      fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
    ) => writeSync(fd, buffer, offset, Math.min(3, length), position)) as never);
    const writer = createTreeWriter({ root });
    write(writer, 'file', 'eleven byte');
    expect(fs.readFileSync(path.join(root, 'file'), 'utf8')).toBe('eleven byte');
  });

  it('has the owner of the user who runs it, if that is not root', () => {
    const url = new URL('../../../../src/tree/writing/tree-writer.ts', import.meta.url).href;
    fs.chownSync(root, 65534, 65534);
    fs.chmodSync(path.dirname(root), 0o755);
    const script = `
      import { createTreeWriter } from ${JSON.stringify(url)};
      const at = { mode: 0o640, uid: 26, gid: 26, mtimeMs: 0, sizeBytes: 0 };
      const writer = createTreeWriter({ root: ${JSON.stringify(root)}, owner: { uid: 999, gid: 999 } });
      writer.accept({ ...at, path: 'base', type: 'directory' });
      writer.accept({ ...at, path: 'base/1', type: 'file' }).end();
      writer.accept({ ...at, path: 'link', type: 'symlink', linkName: 'base' });
      writer.finish();`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      uid: 65534,
      gid: 65534,
      cwd: '/',
      stdio: 'pipe',
    });
    expect(snapshotTree(root)).toMatchObject({
      base: 'directory 740 65534:65534',
      'base/1': 'file 640 65534:65534 ',
      link: 'link to base 65534:65534',
    });
  });
});

describe('what is there already', () => {
  it('is reused as far as it is the same, and comes out as the tar has it', () => {
    plantTree(root, {
      same: 'the same',
      longer: 'the same, and more',
      shorter: 'the s',
      other: 'not that!',
      'other-mode': 'x',
    });
    fs.chmodSync(path.join(root, 'other-mode'), 0o644);
    const writer = createTreeWriter({ root, reuse: true });
    for (const name of ['same', 'longer', 'shorter', 'other', 'fresh']) write(writer, name, 'the same');
    write(writer, 'other-mode', 'x');
    for (const name of ['same', 'longer', 'shorter', 'other', 'fresh']) {
      expect([name, fs.readFileSync(path.join(root, name), 'utf8')]).toEqual([name, 'the same']);
    }
    expect(fs.statSync(path.join(root, 'other-mode')).mode & 0o777).toBe(0o600);
    expect(writer.reusedBytes).toBe('the same'.length * 2 + 'the '.length + 'x'.length);
  });
});

describe('a backup that would write elsewhere', () => {
  const untouched = () => expect(fs.readFileSync(path.join(outside, 'secret'), 'utf8')).toBe('untouched');
  const corrupt = expect.objectContaining({ name: 'OdoError', code: 'dataCorrupt' });

  it('cannot do so through a link in the middle of a path', () => {
    const writer = createTreeWriter({ root });
    writer.accept(entry('way', 'symlink', { linkName: outside }));
    expect(() => writer.accept(entry('way/secret', 'file'))).toThrow(corrupt);
    expect(() => writer.accept(entry('way/new', 'directory'))).toThrow(corrupt);
    expect(() => writer.accept(entry('way', 'directory'))).toThrow(corrupt);
    untouched();
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  it('cannot do so through a link under the name of a file, whether it is new or reused', () => {
    for (const reuse of [false, true]) {
      const writer = createTreeWriter({ root, reuse });
      writer.accept(entry('file', 'symlink', { linkName: path.join(outside, 'secret') }));
      expect(() => write(writer, 'file', 'hostile')).toThrow(corrupt);
      untouched();
    }
  });

  it('cannot do so by a hard link to what a link leads to', () => {
    const writer = createTreeWriter({ root });
    writer.accept(entry('way', 'symlink', { linkName: outside }));
    expect(() => writer.accept(entry('file', 'link', { linkName: 'way/secret' }))).toThrow(corrupt);
    expect(fs.statSync(path.join(outside, 'secret')).nlink).toBe(1);
  });

  it('cannot do so by a hard link or a path that climbs out', () => {
    const writer = createTreeWriter({ root });
    expect(() => writer.accept(entry('file', 'link', { linkName: '../outside/secret' }))).toThrow(corrupt);
    expect(() => writer.accept(entry('../outside/new', 'file'))).toThrow(corrupt);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
    expect(fs.statSync(path.join(outside, 'secret')).nlink).toBe(1);
  });

  it('is not suspected for a name that merely begins with two dots', () => {
    const writer = createTreeWriter({ root });
    write(writer, '..data/file', 'x');
    expect(fs.readFileSync(path.join(root, '..data/file'), 'utf8')).toBe('x');
  });
});

describe('a backup that cannot be', () => {
  it.each([
    ['a file where a directory is', [entry('a', 'directory'), entry('a', 'file')]],
    ['a directory where a file is', [entry('a', 'file'), entry('a', 'directory')]],
    ['a file below a file', [entry('a', 'file'), entry('a/b', 'file')]],
    ['a link where a directory is', [entry('a', 'directory'), entry('a', 'symlink', { linkName: 'x' })]],
    ['a hard link to nothing', [entry('a', 'link', { linkName: 'b' })]],
    ['a file that comes twice', [entry('a', 'file'), entry('a', 'file')]],
    [
      'a symbolic link that comes twice',
      [entry('a', 'symlink', { linkName: 'x' }), entry('a', 'symlink', { linkName: 'x' })],
    ],
    ['a file under the name of a link', [entry('a', 'symlink', { linkName: 'x' }), entry('a', 'file')]],
    [
      'a hard link to a symbolic one',
      [entry('a', 'symlink', { linkName: 'x' }), entry('b', 'link', { linkName: 'a' })],
    ],
    ['a hard link to a directory', [entry('a', 'directory'), entry('b', 'link', { linkName: 'a' })]],
    ['a device or a pipe', [entry('a', 'other')]],
    ['a file where the root is', [entry('', 'file')]],
    ['a name too long', [entry('a'.repeat(300), 'file')]],
  ])('is called corrupt: %s', (_what, entries) => {
    const writer = createTreeWriter({ root });
    const before = openFiles();
    expect(() => {
      for (const one of entries) writer.accept(one).end();
    }).toThrow(expect.objectContaining({ name: 'OdoError', code: 'dataCorrupt' }));
    expect(openFiles()).toBe(before);
  });

  it.each([false, true])(
    'is none when what may come again has the same bytes, and is called corrupt otherwise (reuse: %s)',
    (reuse) => {
      if (reuse) plantTree(root, { label: 'left' });
      const writer = createTreeWriter({ root, reuse, mayRepeat: () => 'same' });
      const before = openFiles();
      write(writer, 'label', 'whole');
      write(writer, 'label', 'whole');
      for (const other of ['whale', 'whol', 'whole and more', '']) {
        expect(() => write(writer, 'label', other)).toThrow(
          expect.objectContaining({ code: 'dataCorrupt', message: expect.stringContaining('label twice') }),
        );
      }
      expect(fs.readFileSync(path.join(root, 'label'), 'utf8')).toBe('whole');
      expect(openFiles()).toBe(before);
    },
  );

  it('is called corrupt when a file comes twice on top of what an interrupted run left', () => {
    plantTree(root, { a: 'left' });
    const writer = createTreeWriter({ root, reuse: true });
    write(writer, 'a', 'whole');
    expect(() => write(writer, 'a', 'other')).toThrow(expect.objectContaining({ code: 'dataCorrupt' }));
    expect(fs.readFileSync(path.join(root, 'a'), 'utf8')).toBe('whole');
  });

  it('is called corrupt when a member is shorter than its header says, and the file is closed', () => {
    const writer = createTreeWriter({ root });
    const before = openFiles();
    expect(() => write(writer, 'file', 'abc', { sizeBytes: 4 })).toThrow(
      expect.objectContaining({ code: 'dataCorrupt', message: 'file has 3 bytes where its header says 4' }),
    );
    expect(openFiles()).toBe(before);
  });
});

describe('a disk that fails', () => {
  it.each([
    ['ENOSPC', 'noSpace'],
    ['EDQUOT', 'noSpace'],
    ['EROFS', 'unsafeTarget'],
  ])('%s while writing is %s, names the file and leaves none open', (code, expected) => {
    vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    const before = openFiles();
    const writer = createTreeWriter({ root });
    expect(() => write(writer, 'base/1', 'heap')).toThrow(
      expect.objectContaining({ code: expected, message: expect.stringContaining(path.join(root, 'base/1')) }),
    );
    expect(openFiles()).toBe(before);
  });

  it('says so as well when there is no room for another inode', () => {
    vi.spyOn(fs, 'mkdirSync').mockImplementation(() => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    expect(() => createTreeWriter({ root }).accept(entry('base/1', 'file'))).toThrow(
      expect.objectContaining({ code: 'noSpace' }),
    );
  });
});
