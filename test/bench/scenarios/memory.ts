import { odoInto } from '../contestants/odo.ts';
import { flatCluster } from '../data/flat-cluster.ts';
import type { Scenario } from '../scenario.ts';

export const MEMORY: Scenario = {
  letter: 'M',
  title: 'Memory, small and large',
  rounds: 1,
  async prepare(bench) {
    const { smallRows, largeRows } = bench.sizes.memory;
    const small = await flatCluster(bench, 'flat-small', smallRows);
    const large = await flatCluster(bench, 'flat-large', largeRows);
    const contestant = ({ bucket, facts }: typeof small, size: string) =>
      odoInto(bench, facts, { name: `ODO, ${size}: ${(facts.bytes / 1e9).toFixed(1)} GB`, url: `s3://${bucket}/sets` });
    return {
      about: 'Clusters that pack to a hundredth; the bytes that come out are the point. Once each.',
      contestants: [contestant(small, 'small'), contestant(large, 'large')],
      close: async () => undefined,
    };
  },
};
