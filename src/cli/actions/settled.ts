import type { RepositoryRequest } from '../../restore/contract/request.ts';
import { settleStore } from '../../store/kinds/open.ts';

/** The request with its store completed by the environment and the shared AWS configuration. See settleStore. */
export async function settled<T extends RepositoryRequest>(request: T): Promise<T> {
  return { ...request, store: await settleStore(request.store) };
}
