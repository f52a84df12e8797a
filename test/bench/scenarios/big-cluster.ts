import { awsPipe, downloadFirst } from '../contestants/by-hand.ts';
import { disk, localTar } from '../contestants/floors.ts';
import { odoInto } from '../contestants/odo.ts';
import { bigCluster } from '../data/big-cluster.ts';
import { SET } from '../data/source.ts';
import type { Scenario } from '../scenario.ts';

export const BIG_CLUSTER: Scenario = {
  letter: 'A',
  title: 'One big cluster, pg_basebackup tar, gzip',
  async prepare(bench) {
    const { bucket, facts } = await bigCluster(bench);
    const object = `s3://${bucket}/${SET}/base.tar.gz`;
    return {
      about: 'Half of it tables of pgbench, half tables of text. Made by `pg_basebackup -Ft -z -X fetch`.',
      restoredBytes: facts.bytes,
      contestants: [
        odoInto(bench, facts, { url: `s3://${bucket}/sets` }),
        awsPipe(bench, facts, object),
        downloadFirst(bench, facts, object),
        await localTar(bench, facts, object),
        disk(bench, facts.bytes),
      ],
      close: async () => undefined,
    };
  },
};
