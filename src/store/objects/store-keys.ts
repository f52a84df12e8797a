/**
 * The keys that requests to a store are signed with, as plain JSON. Secret. Only the kind of store that they belong to
 * reads their fields. All others pass them on, and may look at their end.
 */
export interface StoreKeys {
  /** The end of the keys (ISO 8601), where it is known. */
  expiresAt?: string;
  [field: string]: unknown;
}

/**
 * The keys that open stores sign with. They may be replaced by later ones at any time. Each request takes the keys of
 * that moment.
 */
export interface RenewableKeys {
  current(): StoreKeys | undefined;
  /** Takes these keys from now on, unless they end before the present ones. */
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
