import fs from 'node:fs';
import { vi } from 'vitest';

const MIB = 2 ** 20;

/**
 * Makes all disks tell that so much is free of them, beside the 64 MiB that ODO always leaves; asked anew at each look.
 */
export function setFreeBytes(freeBytes: () => number): void {
  const blocks = (bytes: number) => Math.floor(bytes / 512);
  vi.spyOn(fs, 'statfsSync').mockImplementation(
    () => ({ bsize: 512, bavail: blocks(freeBytes() + 64 * MIB), blocks: blocks(2 ** 30), ffree: 1e6 }) as never,
  );
}
