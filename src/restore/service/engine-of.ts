import { OdoError } from '../../errors.ts';
import type { Engine } from '../contract/engine.ts';

/** The restore container of a run, where there must be one by now. */
export function engineOf({ engine }: { engine: Engine | undefined }): Engine {
  if (!engine) throw new OdoError('bug', 'no restore container was opened');
  return engine;
}
