import { barmanRestore } from '../contestants/barman.ts';
import { odoInto } from '../contestants/odo.ts';
import { bigCluster } from '../data/big-cluster.ts';
import type { Scenario } from '../scenario.ts';

export const BARMAN_REPOSITORY: Scenario = {
  letter: 'B',
  title: 'The same cluster as a barman repository',
  async prepare(bench) {
    const { bucket, facts } = await bigCluster(bench);
    return {
      about: 'The cluster of A, made by `barman-cloud-backup -z`. ODO also fetches the archived WAL.',
      restoredBytes: facts.bytes,
      contestants: [odoInto(bench, facts, { url: `s3://${bucket}/barman` }), barmanRestore(bench, facts, bucket)],
      close: async () => undefined,
    };
  },
};
