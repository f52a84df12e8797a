import { barmanRestore } from '../contestants/barman.ts';
import { awsPipe, downloadFirst } from '../contestants/by-hand.ts';
import { settingAside } from '../contestants/directory.ts';
import { odoInto } from '../contestants/odo.ts';
import { pgbackrestRestore } from '../contestants/pgbackrest.ts';
import { smallTables } from '../data/small-tables.ts';
import { SET } from '../data/source.ts';
import type { Scenario } from '../scenario.ts';

export const SMALL_TABLES: Scenario = {
  letter: 'D',
  title: 'Very many small tables',
  async prepare(bench) {
    const { bucket, facts } = await smallTables(bench);
    const object = `s3://${bucket}/${SET}/base.tar.gz`;
    return {
      about:
        `${bench.sizes.smallTables.tables} tables of 100 rows, each with a primary key: ${facts.files} files. ` +
        'ODO restores the set, as the first two do. What was restored before is moved aside, not removed: ext4 ' +
        'is slow to create files where many were just removed.',
      restoredBytes: facts.bytes,
      contestants: [
        odoInto(bench, facts, { url: `s3://${bucket}/sets` }),
        awsPipe(bench, facts, object),
        downloadFirst(bench, facts, object),
        barmanRestore(bench, facts, bucket),
        pgbackrestRestore(bench, facts, bucket),
      ].map((contestant) => settingAside(bench, contestant)),
      close: async () => undefined,
    };
  },
};
