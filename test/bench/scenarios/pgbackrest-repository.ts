import { S3_TLS_ENDPOINT } from '../bench.ts';
import { odoInto } from '../contestants/odo.ts';
import { pgbackrestRestore } from '../contestants/pgbackrest.ts';
import { bigCluster } from '../data/big-cluster.ts';
import type { Scenario } from '../scenario.ts';

export const PGBACKREST_REPOSITORY: Scenario = {
  letter: 'C',
  title: "The same cluster as each one's own repository, both cores",
  async prepare(bench) {
    const { bucket, facts } = await bigCluster(bench);
    const url = `s3://${bucket}/sets`;
    return {
      about:
        'The cluster of A, made by `pgbackrest backup`; ODO restores the set of A, over TLS as pgBackRest ' +
        'does, and over plain HTTP. The S3 server encrypts on the same two cores.',
      restoredBytes: facts.bytes,
      contestants: [
        odoInto(bench, facts, { name: 'ODO over TLS', url, endpoint: S3_TLS_ENDPOINT, caFile: bench.caFile }),
        odoInto(bench, facts, { name: 'ODO over HTTP', url }),
        pgbackrestRestore(bench, facts, bucket),
      ],
      close: async () => undefined,
    };
  },
};
