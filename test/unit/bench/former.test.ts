import { describe, expect, it } from 'vitest';
import type { Bench } from '../../bench/bench.ts';
import { besideFormer, comparisonText } from '../../bench/former.ts';

const former = { bundle: 'former.mjs', image: 'odo:former', version: '0.1.0', remove: async () => undefined };

describe('measuring beside a former bundle', () => {
  it('leaves ODO alone on the stage, once as it is and once as it was, and nobody else', async () => {
    const bench = { odo: { bundle: 'now.mjs' } } as Bench;
    const used: string[] = [];
    const contestant = (name: string) => ({
      name,
      settings: '-',
      run: async () => {
        used.push(bench.odo.bundle);
        return { seconds: 1, cpuSeconds: 1, peakMemoryBytes: 1 };
      },
      verify: async () => undefined,
    });
    const stage = {
      about: '-',
      contestants: ['ODO over TLS', 'aws | tar', 'ODO over HTTP'].map(contestant),
      close: async () => undefined,
    };
    const { contestants } = besideFormer(stage, bench, former);
    expect(contestants.map(({ name }) => name)).toEqual([
      'ODO over TLS',
      'ODO over TLS, former',
      'ODO over HTTP',
      'ODO over HTTP, former',
    ]);
    for (const { run } of contestants) await run();
    expect(used).toEqual(['now.mjs', 'former.mjs', 'now.mjs', 'former.mjs']);
  });

  it('gives the bundle back after a run that fails', async () => {
    const bench = { odo: { bundle: 'now.mjs' } } as Bench;
    const failing = {
      name: 'ODO',
      settings: '-',
      run: () => Promise.reject(new Error('no')),
      verify: async () => undefined,
    };
    const stage = { about: '-', contestants: [failing], close: async () => undefined };
    const [, twin] = besideFormer(stage, bench, former).contestants;
    await expect(twin?.run()).rejects.toThrow('no');
    expect(bench.odo.bundle).toBe('now.mjs');
  });

  it('compares the two runs of each round', () => {
    const runs = (...seconds: number[]) => seconds.map((one) => ({ seconds: one, cpuSeconds: 1, peakMemoryBytes: 1 }));
    const results = [
      { name: 'ODO', settings: '-', runs: runs(9, 30, 10) },
      { name: 'ODO, former', settings: '-', runs: runs(10, 20, 10) },
    ];
    const [, , row] = comparisonText([{ letter: 'A', title: '-', about: '-', results }]).split('\n');
    expect(row).toBe('| A | ODO | 10.00 | 10.00 | 1.000 | 0.900 · 1.500 · 1.000 |');
  });
});
