import type { Bench } from '../bench.ts';
import { type ReadyBucket, readyBucket } from './bucket-cache.ts';
import { type Content, startSource } from './source.ts';

/**
 * A cluster that packs to next to nothing, so that a server that keeps its objects in memory has room for a large one.
 */
export function flatCluster(bench: Bench, name: string, rows: number): Promise<ReadyBucket<Content>> {
  async function make(bucket: string): Promise<Content> {
    const source = await startSource(bench, bucket);
    try {
      await source.sql(`create table flat as select repeat('x', 1900) as what from generate_series(1, ${rows})`);
      const content = await source.content();
      await source.baseBackup();
      return content;
    } finally {
      await source.remove();
    }
  }
  return readyBucket(bench, { name, file: new URL(import.meta.url).pathname, sizes: { rows }, make });
}
