import fs from 'node:fs';
import path from 'node:path';
import { mustRun, run } from '../integration/parts/run.ts';
import { S3_ENDPOINT, S3_KEYS } from '../integration/parts/s3.ts';
import type { Sizes } from './sizes.ts';

export const ROOT = new URL('../../', import.meta.url).pathname;
export const RIVALS_IMAGE = 'odo-parts/rivals';

const TLS_PORT = process.env.ODO_S3_TLS_PORT || '7443';
export const S3_TLS_ENDPOINT = `https://localhost:${TLS_PORT}`;

/** What all scenarios of one run share. */
export interface Bench {
  sizes: Sizes;
  /** Kept from run to run: copies of buckets and what is made of them. */
  cache: string;
  /**
   * Emptied before each measurement; on the same disk as the cache, and under the same path in the rivals' container.
   */
  work: string;
  /** The container in which competitors run, on the host's network. */
  rivals: string;
  /** The bundle that is measured, and its restore image where that is another than usual. */
  odo: { bundle: string; image?: string };
  /** ODO's runs on the host write CPU profiles here, and are the slower for it. */
  profiles?: string;
  /** The certificate authority of the S3 server's TLS side. */
  caFile: string;
  say(text: string): void;
  close(): Promise<void>;
}

/** Brings up the competitors' container. */
export async function openBench(sizes: Sizes, profile: boolean, say: (text: string) => void): Promise<Bench> {
  const cache = path.join(ROOT, '.cache/bench');
  const work = path.join(cache, `work-${process.pid}`);
  fs.mkdirSync(work, { recursive: true });
  const caFile = path.join(work, 'ca.crt');
  // From the server that runs: another checkout may have started it, with its own authority.
  await mustRun('docker', ['cp', `${process.env.ODO_S3_NAME || 'odo-parts-s3'}:/tls/ca.crt`, caFile]);
  fs.chmodSync(caFile, 0o644);
  const rivals = `odo-bench-rivals-${process.pid}`;
  await mustRun('docker', [
    ...['run', '-d', '--init', '--name', rivals, ...OURS, '--network', 'host', '-v', `${cache}:${cache}`],
    ...environmentFlags(rivalEnvironment(caFile)),
    ...[RIVALS_IMAGE, 'sleep', 'infinity'],
  ]);
  return {
    sizes,
    cache,
    work,
    rivals,
    caFile,
    odo: { bundle: path.join(ROOT, 'dist/odo.mjs') },
    ...(profile ? { profiles: path.join(cache, 'profiles') } : {}),
    say,
    async close() {
      await removeLeftovers();
      await mustRun('rm', ['-rf', work]);
    },
  };
}

const LABEL = `odo.bench=${process.pid}`;
/** Options of `docker run` that say whose a container is. */
export const OURS: readonly string[] = ['--label', LABEL];

/** Removes every container of this run, and the volumes of its compose service. */
export async function removeLeftovers(): Promise<void> {
  const project = `label=com.docker.compose.project=odo-bench-${process.pid}`;
  for (const filter of [`label=${LABEL}`, project]) {
    const ids = await mustRun('docker', ['ps', '-aq', '--filter', filter]);
    if (ids !== '') await run('docker', ['rm', '-fv', ...ids.split('\n')]);
  }
  const volumes = await mustRun('docker', ['volume', 'ls', '-q', '--filter', project]);
  if (volumes !== '') await run('docker', ['volume', 'rm', '-f', ...volumes.split('\n')]);
}

/** Keys and settings of the competitors; what differs between scenarios stands on their command lines. */
export function rivalEnvironment(caFile: string): Record<string, string> {
  return {
    ...S3_KEYS,
    S3_ENDPOINT,
    AWS_EC2_METADATA_DISABLED: 'true',
    PGBACKREST_STANZA: 'main',
    PGBACKREST_REPO1_TYPE: 's3',
    PGBACKREST_REPO1_PATH: '/pgbackrest',
    PGBACKREST_REPO1_S3_ENDPOINT: 'localhost',
    PGBACKREST_REPO1_STORAGE_PORT: TLS_PORT,
    PGBACKREST_REPO1_STORAGE_CA_FILE: caFile,
    PGBACKREST_REPO1_S3_REGION: S3_KEYS.AWS_DEFAULT_REGION,
    PGBACKREST_REPO1_S3_URI_STYLE: 'path',
    PGBACKREST_REPO1_S3_KEY: S3_KEYS.AWS_ACCESS_KEY_ID,
    PGBACKREST_REPO1_S3_KEY_SECRET: S3_KEYS.AWS_SECRET_ACCESS_KEY,
    PGBACKREST_COMPRESS_TYPE: 'gz',
    PGBACKREST_PROCESS_MAX: '2',
    PGBACKREST_LOG_LEVEL_FILE: 'off',
    PGBACKREST_LOCK_PATH: '/tmp/pgbackrest',
    PGBACKREST_SPOOL_PATH: '/tmp/pgbackrest-spool',
  };
}

export function environmentFlags(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
}
