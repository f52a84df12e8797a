import { mustRun } from '../../integration/parts/run.ts';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import { type Bench, environmentFlags, RIVALS_IMAGE, rivalEnvironment } from '../bench.ts';
import { measureOdo } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import type { Service } from '../service.ts';

/** What a restored service must hold. */
export interface ServiceContent {
  digest: string;
}

/** `odo`, as at an incident. */
export function odoIntoService(bench: Bench, service: Service, url: string, { digest }: ServiceContent): Contestant {
  return {
    name: 'ODO',
    settings:
      '`odo -u s3://… -v db -n db -f compose.yaml --yes`: no settings; the old data is kept until the server ' +
      'is promoted',
    before: service.prepare,
    async run() {
      let peakMemoryBytes = 0;
      const usage = await service.measure(async () => {
        const odo = await measureOdo(bench, ['-u', url, '-v', 'db', '-n', 'db', '-f', service.file, '--yes']);
        peakMemoryBytes = Math.max(odo.peakMemoryBytes ?? 0, odo.laidDownPeakBytes);
      });
      return { ...usage, peakMemoryBytes };
    },
    verify: () => service.verify(digest),
  };
}

export interface ByHand {
  name: string;
  settings: string;
  /** Key of the tar. */
  object: string;
  /** Whether the tar is downloaded before it is unpacked. */
  downloadFirst: boolean;
  restoreCommand: string;
}

/** The original ODO's steps: stop, wipe, unpack, recovery settings, owner, start; then the server does the rest. */
export function byHandIntoService(
  bench: Bench,
  service: Service,
  { digest }: ServiceContent,
  options: ByHand,
): Contestant {
  const { name, settings, object, downloadFirst, restoreCommand } = options;
  const copy = `aws s3 cp --only-show-errors --endpoint-url ${S3_ENDPOINT} ${object}`;
  const archive = `${bench.work}/archive.tar.gz`;
  const fill = [
    'find /data -mindepth 1 -delete',
    ...(downloadFirst
      ? [`${copy} ${archive}`, `tar -zxf ${archive} -C /data`, `rm ${archive}`]
      : [`${copy} - | tar xz -C /data`]),
    'mkdir -p /data/pg_wal',
    'touch /data/recovery.signal',
    `echo "restore_command = '${restoreCommand}'" >>/data/postgresql.auto.conf`,
    'chown -R 999:999 /data',
    'chmod 700 /data',
    'sync -f /data',
  ];
  return {
    name,
    settings,
    before: service.prepare,
    run: () =>
      service.measure(async () => {
        await service.compose('stop', 'db');
        await mustRun('docker', [
          ...['run', '--rm', '--network', 'host', '-v', `${service.volume}:/data`, '-v', `${bench.work}:${bench.work}`],
          ...environmentFlags(rivalEnvironment('/ca.crt')),
          ...[RIVALS_IMAGE, 'bash', '-eu', '-o', 'pipefail', '-c', fill.join('\n')],
        ]);
        await service.compose('start', 'db');
      }),
    verify: () => service.verify(digest),
  };
}
