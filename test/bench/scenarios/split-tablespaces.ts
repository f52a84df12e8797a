import { barmanRestore } from '../contestants/barman.ts';
import { settingAside } from '../contestants/directory.ts';
import { odoInto } from '../contestants/odo.ts';
import { TABLESPACES, tablespaces } from '../data/tablespaces.ts';
import type { Scenario } from '../scenario.ts';

export const SPLIT_TABLESPACES: Scenario = {
  letter: 'E',
  title: 'Two tablespaces and split tars',
  async prepare(bench) {
    const { bucket, facts } = await tablespaces(bench);
    return {
      about:
        `A third in PGDATA, a third in each tablespace; \`barman-cloud-backup -z --max-archive-size ` +
        `${bench.sizes.tablespaces.maxArchiveSize}\`. What was restored before is moved aside, as in D.`,
      restoredBytes: facts.bytes,
      contestants: [
        odoInto(bench, facts, { url: `s3://${bucket}/barman`, tablespaces: TABLESPACES }),
        barmanRestore(bench, facts, bucket, TABLESPACES),
      ].map((contestant) => settingAside(bench, contestant)),
      close: async () => undefined,
    };
  },
};
