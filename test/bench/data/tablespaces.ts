import type { Bench } from '../bench.ts';
import { type ReadyBucket, readyBucket } from './bucket-cache.ts';
import { BARMAN_ARCHIVE, type Content, startSource } from './source.ts';

export interface Tablespaces extends Content {
  barmanId: string;
}

export const TABLESPACES = ['one', 'two'] as const;

/** A cluster with two tablespaces as a barman backup whose tars are split. */
export function tablespaces(bench: Bench): Promise<ReadyBucket<Tablespaces>> {
  const sizes = bench.sizes.tablespaces;
  async function make(bucket: string): Promise<Tablespaces> {
    const source = await startSource(bench, bucket);
    try {
      await source.createText('inside', sizes.textRows);
      for (const name of TABLESPACES) {
        await source.exec(`mkdir -m 700 /var/lib/postgresql/${name}`);
        await source.sql(`create tablespace ${name} location '/var/lib/postgresql/${name}'`);
        // Several tables: barman splits between files only.
        for (let part = 1; part <= 3; part++) {
          await source.createText(`outside_${name}_${part}`, Math.round(sizes.textRows / 3), `tablespace ${name}`);
        }
      }
      const content = await source.content();
      await source.archiveWith(BARMAN_ARCHIVE(bucket));
      const barmanId = await source.barmanBackup('--max-archive-size', sizes.maxArchiveSize);
      return { ...content, barmanId };
    } finally {
      await source.remove();
    }
  }
  return readyBucket(bench, { name: 'spaces', file: new URL(import.meta.url).pathname, sizes, make });
}
