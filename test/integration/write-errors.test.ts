import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FailingDisk, makeFailingDisk } from './parts/failing-disk.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { readyRepository } from './parts/ready-repository.ts';
import { mustRun } from './parts/run.ts';

const MIB = 1 << 20;

/** Disks that lose what was written to them, without any write(2) that fails. */
describe('a disk that cannot write what it has taken', () => {
  let url: string;
  let scratch: string;
  let undisturbed: string;
  let disk: FailingDisk | undefined;

  beforeAll(async () => {
    const { bucket } = await readyRepository();
    url = `s3://${bucket}/sets`;
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-disk-'));
    await odoReceipt(['-u', url, '--into', path.join(scratch, 'pgdata')]);
    undisturbed = await digestOf(path.join(scratch, 'pgdata'));
  });

  afterEach(() => disk?.remove());
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  /** Of everything but ODO's own folder. */
  function digestOf(directory: string): Promise<string> {
    const files = 'find . -path ./.odo -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum';
    return mustRun('sh', ['-c', `cd ${directory} && ${files}`]);
  }

  it.each([
    ['ext4', 'native code'],
    ['xfs', 'native code'],
    ['xfs', 'the sync program'],
  ] as const)('keeps the old data, and nothing is built on what was lost: %s, flushed by %s', async (kind, by) => {
    disk = await makeFailingDisk(kind);
    const into = path.join(disk.root, 'pgdata');
    const args = ['-u', url, '--into', into];
    const env = by === 'native code' ? {} : { ODO_NATIVE: '0' };
    await odoReceipt(args, { env });
    fs.writeFileSync(path.join(into, 'base', 'only-here'), 'a row that no backup has');
    fs.rmSync(path.join(into, '.odo'), { recursive: true });
    const old = await digestOf(into);
    await disk.leaveRoom(12 * MIB);

    const { code, stderr } = await odo(args, { env });
    expect(code, stderr).toBe(25);
    expect(stderr).toMatch(
      /could not write what it was given \(.*(EIO|EROFS|ENOSPC|Input\/output error|No space left on device)/,
    );
    expect(stderr).not.toContain('the same command goes on from there');

    await disk.leaveRoom(300 * MIB);
    await disk.remount();
    expect(await digestOf(into)).toBe(old);

    await odoReceipt(args, { env });
    expect(await digestOf(into)).toBe(undisturbed);
    expect(fs.existsSync(path.join(into, '.odo', 'previous', 'base', 'only-here'))).toBe(true);
  });
});
