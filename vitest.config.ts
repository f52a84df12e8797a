import os from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Most of an integration test's time is waiting, so that even two cores carry two files at once. */
const maxWorkers = Math.max(2, Math.ceil(os.availableParallelism() / 2));

/** The files of the longest suite say little but their version, and would be thought the shortest; at the end, one would go on alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => /\/moment-\d+\.test\.ts$/.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      // Some crash at every step of a long row, and a busy machine takes its time for that.
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          setupFiles: ['test/integration/parts/keep-logs.ts'],
          exclude: ['test/integration/torture.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers,
          // Of the tests that go on together within a file: each is a restore and a server.
          maxConcurrency: 3,
        },
      },
      // Two runs side by side on their own, and each is judged by the clock: nothing else goes on meanwhile.
      {
        test: {
          name: 'torture',
          include: ['test/integration/torture.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
