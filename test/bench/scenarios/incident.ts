import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { byHandIntoService, odoIntoService } from '../contestants/into-service.ts';
import { archivedCluster } from '../data/archived-cluster.ts';
import { BARMAN_SERVER } from '../data/source.ts';
import type { Scenario } from '../scenario.ts';
import { startService } from '../service.ts';

export const INCIDENT: Scenario = {
  letter: 'G',
  title: 'A whole incident, command to first accepted write',
  async prepare(bench) {
    const { bucket, facts } = await archivedCluster(bench, 'incident', bench.sizes.incident);
    const service = await startService(bench, bucket);
    const repository = `s3://${bucket}/barman ${BARMAN_SERVER}`;
    return {
      about:
        `A compose service that runs on other data; a barman backup and ${facts.segments.length} segments ` +
        'behind it.',
      contestants: [
        odoIntoService(bench, service, `s3://${bucket}/barman`, facts),
        byHandIntoService(bench, service, facts, {
          name: "the original's steps",
          settings:
            'compose stop, wipe the volume, `aws s3 cp` to disk, `tar -zxf`, recovery.signal with ' +
            '`barman-cloud-wal-restore`, chown, sync -f, compose start',
          object: `s3://${bucket}/${facts.dataKey}`,
          downloadFirst: true,
          restoreCommand: `barman-cloud-wal-restore --endpoint-url ${S3_ENDPOINT} ${repository} %f %p`,
        }),
      ],
      close: service.close,
    };
  },
};
