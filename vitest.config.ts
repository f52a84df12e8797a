import os from 'node:os';
import { defineConfig } from 'vitest/config';

/** Most of an integration test's time is waiting, so that even two cores carry two files at once. */
const maxWorkers = Math.max(2, Math.ceil(os.availableParallelism() / 2));

export default defineConfig({
  test: {
    projects: [
      // Some crash at every step of a long row, and a busy machine takes its time for that.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers } },
      {
        test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: ['test/integration/torture.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers,
        },
      },
      // Two runs side by side on their own, and each is judged by the clock: nothing else goes on meanwhile.
      {
        test: {
          name: 'torture',
          include: ['test/integration/torture.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
