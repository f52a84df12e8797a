import type { Part } from '../../formats/contract/format.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { RenewableKeys } from '../../store/objects/store-keys.ts';
import { retrying } from '../../store/reading/retry.ts';
import type { ReachJob, StoreReach } from '../contract/jobs.ts';

/** More than fits into one packet: a small answer may come where a large one gets stuck, as behind a VPN. */
const MOST_BYTES = 32 * 1024;

/**
 * Lists where the part lies, and reads its beginning. Tries for as long as the store's configuration says.
 * Errors: as the store's.
 */
export async function reachStore(
  { store: config, part }: ReachJob,
  keys: RenewableKeys,
  signal: AbortSignal,
): Promise<StoreReach> {
  const { store } = openStore(config, keys);
  try {
    return await retrying(
      async () => {
        for await (const _entry of store.list(folderOf(part), { delimiter: '/', signal })) break;
        const length = Math.min(part.sizeBytes, MOST_BYTES);
        let readBytes = 0;
        for await (const chunk of await store.read(part.key, { length, signal })) readBytes += chunk.length;
        const { clockSkewMs } = store;
        return { readBytes, ...(clockSkewMs === undefined ? {} : { clockSkewMs }) };
      },
      { retryForMs: config.retryForMs ?? 0, signal },
    );
  } finally {
    store.close();
  }
}

function folderOf({ key }: Pick<Part, 'key'>): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}
