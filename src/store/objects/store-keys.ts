/**
 * What requests to a store are signed with, as plain JSON. Secret. Only the kind of store that they are for looks into
 * them; everybody else carries them, and may know when they end.
 */
export interface StoreKeys {
  /** When they end, by ISO 8601, where that is known. */
  expiresAt?: string;
  [field: string]: unknown;
}

/**
 * The keys that open stores sign with. They may be exchanged for later ones at any time: each request takes what is
 * there then.
 */
export interface RenewableKeys {
  current(): StoreKeys | undefined;
  /** Takes these from now on, unless they end before those that are there. */
  renew(keys: StoreKeys): void;
}

export function createRenewableKeys(): RenewableKeys {
  let latest: StoreKeys | undefined;
  return {
    current: () => latest,
    renew(keys) {
      if (latest && endOf(keys) < endOf(latest)) return;
      latest = keys;
    },
  };
}

function endOf({ expiresAt }: StoreKeys): number {
  return expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
}
