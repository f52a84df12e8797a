import { readFileSync } from 'node:fs';
import type { S3Config } from '../../src/store/s3/s3-config.ts';

/** A server that the test command has started, and in what it is known to differ from Amazon's. */
export interface S3Server {
  name: string;
  config: Pick<S3Config, 'endpoint' | 'caBundle'>;
  /** It takes every key and every secret. */
  takesAnyKeys?: boolean;
}

const caBundle = () => readFileSync(new URL('../../.cache/tls/ca.crt', import.meta.url), 'utf8');

/** See scripts/parts/s3 and scripts/parts/other-s3. */
export const S3_SERVERS: readonly S3Server[] = [
  { name: 'Ceph of Debian 13', config: { endpoint: process.env.ODO_TEST_S3 ?? 'http://127.0.0.1:7480' } },
  { name: 'Ceph of Debian 13 over TLS', config: { endpoint: 'https://localhost:7443', caBundle: caBundle() } },
  { name: 'Ceph of Debian 12', config: { endpoint: 'http://127.0.0.1:7490' } },
  { name: 'moto', config: { endpoint: 'http://127.0.0.1:7495' }, takesAnyKeys: true },
];
