import fs from 'node:fs';
import { vi } from 'vitest';

/** Everything of the file system that a swap changes things by; a crash may come at each call. */
const STEPS = ['mkdirSync', 'renameSync', 'chmodSync', 'chownSync', 'rmSync'] as const;

/** The process died here: nothing after it ran. */
export class Crash extends Error {}

/**
 * Runs the action and lets it die just before its n-th step takes effect. False when it came to its end with fewer
 * steps.
 */
export function crashesAt(n: number, action: () => void): boolean {
  const restore = dieAt(n);
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  } finally {
    restore();
  }
}

/** The same for work that takes its time. Nothing else may happen meanwhile. */
export async function crashesLaterAt(n: number, action: () => Promise<unknown>): Promise<boolean> {
  const restore = dieAt(n);
  try {
    await action();
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  } finally {
    restore();
  }
}

function dieAt(n: number): () => void {
  let count = 0;
  const spies = STEPS.map((name) => {
    const original = fs[name] as (...args: unknown[]) => unknown;
    return vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      count += 1;
      if (count === n) throw new Crash(`before ${name}`);
      return original(...args);
    }) as never);
  });
  return () => {
    for (const spy of spies) spy.mockRestore();
  };
}
