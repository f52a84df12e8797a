import type { S3Credentials } from './s3-credentials.ts';

/**
 * The keys that open stores sign with. They may be exchanged for later ones at any time: each request takes what is
 * there then.
 */
export interface RenewableKeys {
  current(): S3Credentials | undefined;
  /** Takes these from now on, unless they end before those that are there. */
  renew(credentials: S3Credentials): void;
}

export function createRenewableKeys(): RenewableKeys {
  let latest: S3Credentials | undefined;
  return {
    current: () => latest,
    renew(credentials) {
      if (latest && endOf(credentials) < endOf(latest)) return;
      latest = credentials;
    },
  };
}

function endOf({ expiresAt }: S3Credentials): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
}
