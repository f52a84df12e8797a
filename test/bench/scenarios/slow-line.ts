import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { awsPipe, downloadFirst } from '../contestants/by-hand.ts';
import { odoInto } from '../contestants/odo.ts';
import { bigCluster } from '../data/big-cluster.ts';
import { SET } from '../data/source.ts';
import type { Scenario } from '../scenario.ts';

const BYTES_PER_SECOND = 40e6;
const PROXY = new URL('../slow-line-proxy.ts', import.meta.url).pathname;

export const SLOW_LINE: Scenario = {
  letter: 'H',
  title: 'A slow line',
  async prepare(bench) {
    const { bucket, facts } = await bigCluster(bench);
    const object = `s3://${bucket}/${SET}/base.tar.gz`;
    const proxy = spawn(process.execPath, [PROXY, String(BYTES_PER_SECOND)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(proxy.stdout, 'data')) as [Buffer];
    const endpoint = line.toString().trim();
    return {
      about:
        'The set of A through a proxy that gives each connection 40 MB/s, and sets no limit to all of them ' +
        'together. `aws s3 cp` opens ten connections, for the pipe too.',
      restoredBytes: facts.bytes,
      contestants: [
        odoInto(bench, facts, { url: `s3://${bucket}/sets`, endpoint }),
        awsPipe(bench, facts, object, endpoint),
        downloadFirst(bench, facts, object, endpoint),
      ],
      async close() {
        const gone = once(proxy, 'close');
        proxy.stdin.end();
        await gone;
      },
    };
  },
};
