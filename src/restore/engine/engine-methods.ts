import type { Report } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';

/** The methods that a host asks a container for. Keys and the end are told without an answer. */
export type EngineMethod = Exclude<keyof Engine, 'renewKeys' | 'close'>;

/**
 * How a method travels.
 * - ask: its arguments are plain JSON, and it comes to its end soon.
 * - work: its first argument is a job with a store, whose keys go along. Then come `report` and `signal`, which each
 *   side has of its own.
 * - beside: as work, but other requests are carried out meanwhile.
 */
export type Way = 'ask' | 'work' | 'beside';

type Work = [job: { store: unknown }, report: Report, signal: AbortSignal];

type WayOf<K extends EngineMethod> = Parameters<Engine[K]> extends Work ? 'work' | 'beside' : 'ask';

/** Every method that is asked for, once: what the host sends and what the container carries out follow from it. */
export const ENGINE_METHODS: Readonly<{ [K in EngineMethod]: WayOf<K> }> = {
  probe: 'ask',
  reach: 'work',
  tryWriting: 'ask',
  status: 'ask',
  layDown: 'work',
  feed: 'beside',
  follow: 'work',
  takeSalvage: 'work',
  staged: 'ask',
  amend: 'ask',
  swap: 'ask',
  takeBack: 'ask',
  rollback: 'ask',
  noteRollbackTold: 'ask',
  noteKept: 'ask',
  recoveryState: 'ask',
  raiseSettings: 'ask',
  archivingConfigured: 'ask',
  surveyOld: 'ask',
  recheckPages: 'ask',
  clean: 'ask',
  finish: 'ask',
  discard: 'ask',
};
