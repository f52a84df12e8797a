import type { ErrorReport } from '../../errors.ts';
import type { OdoEvent } from '../../events.ts';
import type { StoreKeys } from '../../store/objects/store-keys.ts';
import type { EngineMethod } from './engine-methods.ts';

/**
 * What the host and the restore container say to each other: one JSON document a line. Requests go to the container's
 * standard input; answers and events come from its standard output. Requests are carried out one after the other; only
 * `feed` goes on beside them. `cancel` ends the request that is running. `renew` brings other keys for the jobs under
 * way.
 * Standard input is also the lifeline: at its end the container stops its work and ends. Where `end` has not come
 * before, the host is gone, or cannot reach the container, and another container may go on feeding the server.
 * Jobs and keys are secret. So they travel here, and not in the container's environment, where anyone could look them
 * up.
 */
export type AgentRequest =
  | { id: number; do: EngineMethod; args: readonly unknown[] }
  | { do: 'renew'; credentials: StoreKeys }
  | { do: 'cancel' }
  | { do: 'end' };

/** `hello` is the first line. By it the host can tell an image of another version, or of another build of its own. */
export type AgentMessage =
  | { hello: { version: string; build?: string } }
  | { id: number; result: unknown }
  | { id: number; error: ErrorReport }
  /** `of` is the request that the event belongs to. */
  | { of: number; event: OdoEvent };
