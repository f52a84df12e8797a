import { expect, it, onTestFinished } from 'vitest';
import { listBackups } from '../../../src/restore/catalogue.ts';
import { startListingServer } from '../../scale/listing-server.ts';
import { syntheticBucket } from '../../scale/synthetic-bucket.ts';

it('lists over many pages, several at the same time, without losing or doubling anything', async () => {
  const hole = { first: 4010, last: 4019 };
  const server = await startListingServer(syntheticBucket({ backups: 300, segments: 12_000, hole }), 5);
  onTestFinished(() => server.close());
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const store = { url: 's3://bucket/backups', endpoint: server.endpoint, credentials };
  const { repositories } = await listBackups({ store }, new AbortController().signal);
  const [shop] = repositories;
  expect(repositories.map(({ server }) => server)).toEqual(['shop']);
  expect(shop?.backups).toHaveLength(300);
  expect(new Set(shop?.backups.map(({ id }) => id)).size).toBe(300);
  expect(shop?.backups.filter(({ usable }) => usable)).toHaveLength(297);
  expect(shop?.wal?.timelines).toMatchObject([
    { timeline: 1, segments: 11_990, storedBytes: 11_990 * 5_000_000, holes: [{ segments: 10 }], stretches: [{}, {}] },
  ]);
  const { lists, reads, mostAtOnce } = server.counts();
  expect(reads).toBe(300);
  expect(lists).toBeGreaterThan(13);
  expect(lists).toBeLessThan(50);
  expect(mostAtOnce).toBeGreaterThan(4);
});
