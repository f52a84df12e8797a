import type { S3Client } from '@aws-sdk/client-s3';
import { otherRegionIn } from './s3-errors.ts';

/** Clients of one bucket. A new one is made when the server says that the bucket is in another region. */
export interface RegionalClients {
  /** Makes a request. When the server names another region, makes it again with a client of that region. */
  send<T>(request: (client: S3Client) => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Makes clients that follow the server to the region that it names. That region is kept for all later requests. If the
 * second answer names a region again, the first error is thrown.
 */
export function followRegion(
  region: string | undefined,
  create: (region: string | undefined) => S3Client,
): RegionalClients {
  let current = { region, client: create(region) };
  const all = [current.client];

  function goTo(named: string): void {
    current = { region: named, client: create(named) };
    all.push(current.client);
  }

  return {
    async send(request) {
      const used = current;
      try {
        return await request(used.client);
      } catch (error) {
        const named = otherRegionIn(error, used.region);
        if (named === undefined) throw error;
        // Another request may have gone there meanwhile.
        if (current === used) goTo(named);
        return request(current.client).catch((second: unknown) => {
          throw otherRegionIn(second, undefined) === undefined ? second : error;
        });
      }
    },
    close() {
      for (const client of all) client.destroy();
    },
  };
}
