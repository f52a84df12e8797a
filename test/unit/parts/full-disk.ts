import fs from 'node:fs';
import path from 'node:path';
import { vi } from 'vitest';

export interface FullDisk {
  /** How many steps that take room are still made. */
  steps: number;
  /** Names that their directories have had before, beside those that are moved away meanwhile. */
  had?: readonly string[];
  /** What gives room again when it is removed. */
  freedBy?: string;
}

/**
 * Runs the action on a disk that becomes full: after so many steps that take room of it, none gets any: no file's first
 * bytes, no new directory, no name in a directory which has not had it before. Writing over what is there needs none.
 * Gives what was thrown, and how often room was refused.
 */
export async function onFullDisk(
  disk: FullDisk,
  action: () => Promise<unknown>,
): Promise<{ failure: unknown; refused: number }> {
  const { writeFileSync, mkdirSync, renameSync, rmSync } = fs;
  const had = new Set(disk.had);
  let left = disk.steps;
  let refused = 0;

  function takeRoom(what: string): void {
    left -= 1;
    if (left >= 0) return;
    refused += 1;
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${what}`), { code: 'ENOSPC' });
  }

  const spies = [
    vi.spyOn(fs, 'writeFileSync').mockImplementation((file, data, options) => {
      takeRoom('write');
      writeFileSync(file, data, options);
    }),
    vi.spyOn(fs, 'mkdirSync').mockImplementation(((directory: string, options: fs.MakeDirectoryOptions) => {
      if (!fs.existsSync(directory)) takeRoom(`mkdir ${directory}`);
      return mkdirSync(directory, options);
    }) as never),
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      const target = path.resolve(String(to));
      if (!had.has(target) && !fs.existsSync(target)) takeRoom(`rename to ${target}`);
      renameSync(from, to);
      had.add(path.resolve(String(from)));
    }),
    vi.spyOn(fs, 'rmSync').mockImplementation((file, options) => {
      rmSync(file, options);
      if (file === disk.freedBy) left = Number.POSITIVE_INFINITY;
    }),
  ];
  try {
    await action();
    return { failure: undefined, refused };
  } catch (failure) {
    return { failure, refused };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
