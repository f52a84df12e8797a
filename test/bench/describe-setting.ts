import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mustRun } from '../integration/parts/run.ts';
import { type Bench, ROOT } from './bench.ts';
import type { Setting } from './report.ts';

/** What stands on the page of machine and versions. */
export async function describeSetting(bench: Bench): Promise<Pick<Setting, 'date' | 'machine' | 'versions'>> {
  const rivals = (script: string) => mustRun('docker', ['exec', bench.rivals, 'bash', '-c', script]);
  const [source = '', fileSystem = ''] =
    (await mustRun('df', ['--output=source,fstype', bench.work])).split('\n')[1]?.split(/\s+/) ?? [];
  const bundle = fs.readFileSync(path.join(ROOT, 'dist/odo.mjs'));
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const packages = ['awscli', 'barman-cli-cloud', 'pgbackrest', 'tar', 'gzip', 'postgresql-15'];
  const listed = await rivals(`dpkg-query -W -f '\${Package} \${Version}\\n' ${packages.join(' ')}`);
  const s3 = await mustRun('docker', ['exec', process.env.ODO_S3_NAME || 'odo-parts-s3', 'radosgw', '--version']);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: [
      `${os.cpus().length} cores (${os.cpus()[0]?.model.trim()}), ${Math.round(os.totalmem() / 2 ** 30)} ` +
        `GiB, ${os.type()} ${os.release()}`,
      `disk: ${path.basename(source)}, ${fileSystem}; what it does is scenario A's second floor`,
    ],
    versions: [
      `ODO ${version} (bundle ${createHash('sha256').update(bundle).digest('hex').slice(0, 12)}), Node ` +
        `${process.version}`,
      listed.split('\n').join(', '),
      `Docker ${await mustRun('docker', ['version', '-f', '{{.Server.Version}}'])}, S3 server: Ceph RGW ` +
        `${/\d+\.\d+\.\d+/.exec(s3)?.[0]}`,
    ],
  };
}
