import { once } from 'node:events';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { mustRun, run, until } from '../integration/parts/run.ts';
import { type Bench, RIVALS_IMAGE, rivalEnvironment } from './bench.ts';
import { DIGEST, MARKER } from './data/archived-cluster.ts';
import { machineCpuSeconds } from './machine-usage.ts';
import type { Usage } from './time-output.ts';

/** A new cluster on a busy machine takes its time. */
const READY_MS = 600_000;

/**
 * A compose service that is restored again and again. Its image holds the competitors' tools, and its environment the
 * keys that they need.
 */
export interface Service {
  file: string;
  /** The real name of its data volume. */
  volume: string;
  compose(...args: string[]): Promise<string>;
  /** Makes it a server that runs on a new cluster: one that was restored holds what it committed since. */
  prepare(): Promise<void>;
  /** Runs a restore, and gives the time from its beginning to the first write that the restored server accepts. */
  measure(restore: () => Promise<void>): Promise<Usage>;
  /** Throws unless the server has replayed everything. */
  verify(digest: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts one for a bucket's repositories; folders are mounted under their own names, read-only. */
export async function startService(bench: Bench, bucket: string, folders: readonly string[] = []): Promise<Service> {
  const name = `odo-bench-${process.pid}`;
  const file = path.join(bench.work, 'compose.yaml');
  const port = await freePort();
  const environment: Record<string, string> = {
    ...rivalEnvironment('/ca.crt'),
    PGPORT: String(port),
    POSTGRES_PASSWORD: 'bench',
    PGBACKREST_REPO1_S3_BUCKET: bucket,
    PGBACKREST_PG1_PATH: '/var/lib/postgresql/data',
    PGBACKREST_ARCHIVE_ASYNC: 'y',
    PGBACKREST_ARCHIVE_GET_QUEUE_MAX: '1GiB',
    PGBACKREST_LOG_LEVEL_CONSOLE: 'warn',
  };
  fs.writeFileSync(
    file,
    `name: ${name}
services:
  db:
    image: ${RIVALS_IMAGE}
    network_mode: host
    command: postgres -c listen_addresses=127.0.0.1
    environment: ${JSON.stringify(environment)}
    volumes:
      - db:/var/lib/postgresql/data
      - ${bench.caFile}:/ca.crt:ro
${folders.map((folder) => `      - ${folder}:${folder}:ro\n`).join('')}
volumes:
  db:
`,
  );
  const compose = (...args: string[]) => mustRun('docker', ['compose', '--progress', 'quiet', '-f', file, ...args]);
  const inService = (user: string, script: string) => compose('exec', '-T', '-u', user, 'db', 'bash', '-c', script);
  const psql = (text: string) => inService('postgres', `psql -XAtq -v ON_ERROR_STOP=1 -c "${text}"`);
  const isReady = ['pg_isready', '-q', '-h', '127.0.0.1', '-p', String(port)];

  /** Seconds from `startedAt` until a row goes into the table that came last. */
  async function firstWrite(startedAt: number, signal: AbortSignal): Promise<number> {
    const insert = `psql -h 127.0.0.1 -p ${port} -U postgres -XAtqc 'insert into ${MARKER} values (now())'`;
    const waiting = `until ${insert} 2>/dev/null; do [ ! -e ${bench.work}/failed ] || exit 1; sleep 0.2; done`;
    await mustRun('docker', ['exec', bench.rivals, 'timeout', '1200', 'bash', '-c', waiting]);
    signal.throwIfAborted();
    return (performance.now() - startedAt) / 1000;
  }

  return {
    file,
    volume: `${name}_db`,
    compose,
    async prepare() {
      await compose('down', '-v', '-t', '5');
      await compose('up', '-d');
      await until(
        'the service answers',
        // Over TCP, where the server that only makes the cluster does not answer.
        async () => (await run('docker', ['compose', '-f', file, 'exec', '-T', 'db', ...isReady])).code === 0,
        READY_MS,
      );
      await psql('checkpoint');
    },
    async measure(restore) {
      const failed = new AbortController();
      const cpuBefore = await machineCpuSeconds();
      const startedAt = performance.now();
      const restoring = restore().catch((error) => {
        failed.abort(error);
        fs.writeFileSync(`${bench.work}/failed`, '');
        throw error;
      });
      const [seconds] = await Promise.all([firstWrite(startedAt, failed.signal), restoring]);
      return { seconds, cpuSeconds: (await machineCpuSeconds()) - cpuBefore };
    },
    async verify(digest) {
      const found = await psql(DIGEST);
      if (found !== digest) throw new Error(`the restored server holds ${found}, and should hold ${digest}`);
    },
    async close() {
      await compose('down', '-v', '-t', '5');
    },
  };
}

/** The server is on the host's network, where others may have any port. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
