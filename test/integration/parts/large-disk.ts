import fs from 'node:fs';
import path from 'node:path';
import { mustRun, run } from './run.ts';

const DISK_BYTES = 4 * 2 ** 30;

/** An ext4 file system of 4 GiB on a loop device over a sparse file, mounted at `root`. */
export interface LargeDisk {
  /** How many bytes are free. */
  freeBytes(): number;
  /** Takes room, of which nothing is ever written, until only so many bytes are free. */
  leaveFree(bytes: number): Promise<void>;
  remove(): Promise<void>;
}

export async function makeLargeDisk(root: string): Promise<LargeDisk> {
  const image = `${root}.image`;
  fs.closeSync(fs.openSync(image, 'w'));
  fs.truncateSync(image, DISK_BYTES);
  await mustRun('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=1', image]);
  fs.mkdirSync(root);
  await mustRun('mount', ['-o', 'loop', image, root]);
  const freeBytes = () => {
    const { bavail, bsize } = fs.statfsSync(root);
    return bavail * bsize;
  };
  return {
    freeBytes,
    async leaveFree(bytes) {
      await mustRun('fallocate', ['-l', String(freeBytes() - bytes), path.join(root, 'taken')]);
    },
    async remove() {
      await run('umount', ['-l', root]);
      fs.rmSync(image, { force: true });
    },
  };
}
