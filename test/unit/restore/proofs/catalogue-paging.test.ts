import { expect, it, onTestFinished } from 'vitest';
import { listBackups } from '../../../../src/restore/proofs/catalogue.ts';
import { startListingServer } from '../../../scale/listing-server.ts';
import { syntheticBucket } from '../../../scale/synthetic-bucket.ts';

it('lists over many pages, several at the same time, without losing or doubling anything', async () => {
  const hole = { first: 2010, last: 2019 };
  const server = await startListingServer(syntheticBucket({ backups: 100, segments: 6000, hole }), 5);
  onTestFinished(() => server.close());
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const store = { url: 's3://bucket/backups', endpoint: server.endpoint, credentials };
  const { repositories } = await listBackups({ store }, () => undefined, new AbortController().signal);
  const [shop] = repositories;
  expect(repositories.map(({ server }) => server)).toEqual(['shop']);
  expect(shop?.backups).toHaveLength(100);
  expect(new Set(shop?.backups.map(({ id }) => id)).size).toBe(100);
  expect(shop?.backups.filter(({ usable }) => usable)).toHaveLength(99);
  expect(shop?.wal?.timelines).toMatchObject([
    { timeline: 1, segments: 5_990, storedBytes: 5_990 * 5_000_000, holes: [{ segments: 10 }], stretches: [{}, {}] },
  ]);
  const { lists, reads, mostAtOnce } = server.counts();
  expect(reads).toBe(100);
  expect(lists).toBeGreaterThan(7);
  expect(lists).toBeLessThan(50);
  expect(mostAtOnce).toBeGreaterThan(4);
}, 60_000);
