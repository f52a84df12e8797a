import type { Bench } from '../bench.ts';
import { type ReadyBucket, readyBucket } from './bucket-cache.ts';
import { BARMAN_ARCHIVE, type Content, PGBACKREST_ARCHIVE, startSource } from './source.ts';

/** One big cluster, at rest, as three repositories in one bucket. */
export interface BigCluster extends Content {
  barmanId: string;
}

export function bigCluster(bench: Bench): Promise<ReadyBucket<BigCluster>> {
  const sizes = bench.sizes.bigCluster;
  async function make(bucket: string): Promise<BigCluster> {
    const source = await startSource(bench, bucket);
    try {
      await source.exec(`pgbench -q -i -s ${sizes.scale} -I dtGp postgres`);
      for (const table of ['letters', 'articles']) await source.createText(table, Math.round(sizes.textRows / 2));
      const content = await source.content();
      await source.baseBackup();
      await source.archiveWith(BARMAN_ARCHIVE(bucket));
      const barmanId = await source.barmanBackup();
      await source.archiveWith(PGBACKREST_ARCHIVE);
      await source.pgbackrestBackup();
      return { ...content, barmanId };
    } finally {
      await source.remove();
    }
  }
  return readyBucket(bench, { name: 'big', file: new URL(import.meta.url).pathname, sizes, make });
}
