import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { areOfOneMount, fileSystemOf, mountsInside, realPath } from '../../../../src/tree/places/mounts-inside.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

function mountinfo(scratch: string, ...points: string[]): string {
  const file = path.join(scratch, 'mountinfo');
  const lines = ['/', ...points].map(
    (point, index) => `${index + 20} 1 8:1 / ${point} rw,relatime - ext4 /dev/sda1 rw`,
  );
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

describe('what is mounted inside a directory', () => {
  it('is what lies below its real path, with blanks in names as they are', () => {
    const scratch = fs.realpathSync(scratchDirectory());
    fs.mkdirSync(path.join(scratch, 'pg'));
    fs.symlinkSync('pg', path.join(scratch, 'current'));
    const points = [`${scratch}/pg`, `${scratch}/pg/pg_wal`, `${scratch}/pg/a\\040b`, `${scratch}/pg2/pg_wal`];
    const file = mountinfo(scratch, ...points);
    const expected = [`${scratch}/pg/a b`, `${scratch}/pg/pg_wal`];
    expect(mountsInside(`${scratch}/pg`, file)).toEqual(expected);
    expect(mountsInside(`${scratch}/current`, file)).toEqual(expected);
    expect(mountsInside(`${scratch}/pg2/pg_wal`, file)).toEqual([]);
    expect(mountsInside(`${scratch}/pg`, `${scratch}/none`)).toEqual([]);
  });

  it('may be the directory itself, so that ODO’s folder beside it is on another file system', () => {
    const scratch = fs.realpathSync(scratchDirectory());
    const file = mountinfo(scratch, `${scratch}/v`, `${scratch}/v/data`);
    expect(areOfOneMount(`${scratch}/v/data`, `${scratch}/v/.odo`, file)).toBe(false);
    expect(areOfOneMount(`${scratch}/v/other`, `${scratch}/v/.odo`, file)).toBe(true);
    expect(areOfOneMount(`${scratch}/v/data`, `${scratch}/v/.odo`, `${scratch}/none`)).toBe(true);
  });

  it('is found by real paths, also of what is not there yet', () => {
    const scratch = fs.realpathSync(scratchDirectory());
    fs.mkdirSync(path.join(scratch, 'a'));
    fs.symlinkSync('a', path.join(scratch, 'link'));
    expect(realPath(path.join(scratch, 'link/x/y'))).toBe(path.join(scratch, 'a/x/y'));
  });
});

describe('the room that directories share', () => {
  it('is that of one device, or of one pool, whose parts have numbers of their own', () => {
    const scratch = fs.realpathSync(scratchDirectory());
    const lines = [
      '20 1 8:1 / / rw - ext4 /dev/sda1 rw',
      `21 1 0:40 / ${scratch}/a rw,relatime shared:1 - btrfs /dev/sdb rw,subvol=/a`,
      `22 1 0:41 /b ${scratch}/b rw,relatime - btrfs /dev/sdb rw,subvol=/b`,
      `23 1 0:42 / ${scratch}/c rw - zfs tank/pg/data rw`,
      `24 1 0:43 / ${scratch}/d rw - zfs tank/pg/ts rw`,
    ];
    const file = path.join(scratch, 'mountinfo');
    fs.writeFileSync(file, lines.join('\n'));
    const directories = ['a', 'b/deeper', 'c', 'd', 'e'].map((name) => path.join(scratch, name));
    for (const directory of directories) fs.mkdirSync(directory, { recursive: true });
    const own = String(fs.statSync(scratch).dev);
    expect(directories.map((directory) => fileSystemOf(directory, file))).toEqual([
      'btrfs /dev/sdb',
      'btrfs /dev/sdb',
      'zfs tank',
      'zfs tank',
      own,
    ]);
    expect(fileSystemOf(scratch, `${scratch}/none`)).toBe(own);
  });
});
