import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { mustRun, run } from './run.ts';

const BLOCK_BYTES = 64 << 10;
/** What the disk can take at first. */
const BEHIND = '512M';
const XFS_IMAGE = new URL('../../fixtures/file-systems/xfs.img.br', import.meta.url);

/**
 * A file system whose disk can be full behind its back, as thin provisioned storage is: it lies on a loop device over a
 * sparse file on a tmpfs. No write(2) fails then; what was written is lost on its way to the disk. ext4 makes itself
 * read-only at once, xfs tells the next flush and goes on.
 */
export interface FailingDisk {
  /** Where it is mounted. */
  readonly root: string;
  /** Lets the disk take so many more bytes than it has; what is behind it must have room for them. */
  leaveRoom(bytes: number): Promise<void>;
  /** Unmounts and mounts it, so that nothing is seen but what the disk has. */
  remount(): Promise<void>;
  /** An empty file system on a disk that takes everything. */
  renew(): Promise<void>;
  remove(): Promise<void>;
}

export async function makeFailingDisk(kind: 'ext4' | 'xfs'): Promise<FailingDisk> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), `odo-${kind}-`));
  const [behind, root] = ['behind', 'root'].map((name) => path.join(scratch, name)) as [string, string];
  const image = path.join(behind, 'image');
  for (const directory of [behind, root]) fs.mkdirSync(directory);
  await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${BEHIND}`, 'tmpfs', behind]);
  const mount = () => mustRun('mount', ['-o', 'loop', image, root]);
  async function make(): Promise<void> {
    fs.rmSync(image, { force: true });
    if (kind === 'xfs') writeSparse(image, zlib.brotliDecompressSync(fs.readFileSync(XFS_IMAGE)));
    else {
      fs.closeSync(fs.openSync(image, 'w'));
      fs.truncateSync(image, 300 << 20);
      await mustRun('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=1', image]);
    }
    await mount();
  }
  await make();
  return {
    root,
    async renew() {
      await mustRun('umount', [root]);
      await mustRun('mount', ['-o', `remount,size=${BEHIND}`, behind]);
      await make();
    },
    async leaveRoom(bytes) {
      // Tells of errors once more, where there were some: they are what is wanted here.
      await run('sync', ['-f', root]);
      const { blocks, bsize, bfree } = fs.statfsSync(behind);
      await mustRun('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + bytes}`, behind]);
    },
    async remount() {
      await mustRun('umount', [root]);
      // As after any error of a disk: ext4 has noted it, and would let nothing be written at the next oddity.
      if (kind === 'ext4') await run('e2fsck', ['-fy', image]);
      await mount();
    },
    async remove() {
      for (const directory of [root, behind]) await run('umount', ['-l', directory]);
      fs.rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function writeSparse(file: string, content: Buffer): void {
  const nothing = Buffer.alloc(BLOCK_BYTES);
  const fd = fs.openSync(file, 'w');
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    const block = content.subarray(at, at + BLOCK_BYTES);
    if (!block.equals(nothing.subarray(0, block.length))) fs.writeSync(fd, block, 0, block.length, at);
  }
  fs.ftruncateSync(fd, content.length);
  fs.closeSync(fd);
}
