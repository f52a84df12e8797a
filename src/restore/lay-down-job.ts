import { commandLineSettings } from '../postgres/recovery-settings.ts';
import type { StoreConfig } from '../store/open.ts';
import { resolveCredentials } from '../store/s3-credentials.ts';
import type { LayDownJob } from './engine.ts';
import type { ProvenService } from './prove-service-restore.ts';
import type { RestoreRequest } from './request.ts';

/** What the restore container is told to lay down for a server in Docker. Holds the store's keys. */
export async function makeJob(
  request: RestoreRequest,
  proven: Omit<ProvenService, 'engine' | 'proofs' | 'mounts'>,
): Promise<LayDownJob> {
  const { found, source, target, owner, major, configuration } = proven;
  return {
    store: await storeWithKeys(request.store),
    repository: source.repository.ref,
    backup: source.backup,
    wal: source.wal,
    target,
    owner,
    postgresMajor: major,
    sync: request.sync,
    verify: request.verify,
    fresh: request.fresh,
    wipe: request.wipe,
    unattended: false,
    configElsewhere: commandLineSettings(found.service.commandArgs).has('config_file'),
    ...configuration,
  };
}

/** Keys that come from a profile or a role of the host mean nothing inside a container, so they are resolved here. */
async function storeWithKeys(store: StoreConfig): Promise<StoreConfig> {
  if (!store.url.startsWith('s3://')) return store;
  const { expiration: _expiration, ...credentials } = await resolveCredentials(store);
  return { ...store, credentials };
}
