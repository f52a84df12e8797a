import fs from 'node:fs';
import path from 'node:path';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import type { Bench } from '../bench.ts';
import { byHandIntoService, odoIntoService } from '../contestants/into-service.ts';
import { archivedCluster } from '../data/archived-cluster.ts';
import { BARMAN_SERVER } from '../data/source.ts';
import { measureRival } from '../measure.ts';
import type { Scenario } from '../scenario.ts';
import { startService } from '../service.ts';

/** The archive's segments, inflated, in one folder; made from the bucket unless it is there. */
async function inflatedSegments(bench: Bench, bucket: string): Promise<string> {
  const folder = path.join(bench.cache, 'local', bucket);
  if (fs.existsSync(folder)) return folder;
  bench.say('  inflating the segments for the floor');
  await measureRival(
    bench,
    `aws s3 cp --recursive --only-show-errors --endpoint-url ${S3_ENDPOINT} \\
      s3://${bucket}/barman/${BARMAN_SERVER}/wals/ ${folder}.new
    cd ${folder}.new
    find . -name '*.backup.gz' -delete
    find . -name '*.gz' -exec gunzip {} + -o -type d -exec chmod 755 {} +
    find . -mindepth 2 -type f -exec mv -t . {} +
    chown -R 999:999 .
    mv ${folder}.new ${folder}`,
  );
  return folder;
}

export const REPLAY: Scenario = {
  letter: 'F',
  title: 'Replay of many archived segments, command to promotion',
  async prepare(bench) {
    const { bucket, facts } = await archivedCluster(bench, 'replay', bench.sizes.replay);
    const segments = await inflatedSegments(bench, bucket);
    const service = await startService(bench, bucket, [segments]);
    const object = `s3://${bucket}/${facts.dataKey}`;
    const hand = (name: string, settings: string, restoreCommand: string) =>
      byHandIntoService(bench, service, facts, { name, settings, object, downloadFirst: false, restoreCommand });
    return {
      about:
        `A small backup and ${facts.segments.length} segments behind it. Everyone stops the compose service, ` +
        `restores the backup (all but ODO by \`aws s3 cp … - | tar xz\`) and starts it; the clock stops at the ` +
        'first write that the promoted server takes.',
      contestants: [
        odoIntoService(bench, service, `s3://${bucket}/barman`, facts),
        hand(
          'barman-cloud-wal-restore',
          '`restore_command = barman-cloud-wal-restore s3://… SERVER %f %p`: it has no settings for speed',
          `barman-cloud-wal-restore --endpoint-url ${S3_ENDPOINT} s3://${bucket}/barman ${BARMAN_SERVER} %f %p`,
        ),
        hand(
          'pgbackrest archive-get',
          '`restore_command = pgbackrest archive-get %f "%p"` with archive-async=y, process-max=2, ' +
            'archive-get-queue-max=1GiB; gz, over TLS',
          'pgbackrest archive-get %f "%p"',
        ),
        hand(
          'floor: local cp',
          '`restore_command = cp DIR/%f %p` from a local folder with all segments, inflated',
          `cp ${segments}/%f %p`,
        ),
      ],
      close: service.close,
    };
  },
};
