import type { RestoreRequest } from '../contract/request.ts';
import type { RestoreSource } from './prove-repository.ts';

/**
 * Whether the old data's WAL is wanted behind the end of the archive. A restore to a certain moment leaves later WAL
 * out. A standby with a primary gets it from there. A copy has no old data.
 */
export function mayHaveSalvage(
  request: Pick<RestoreRequest, 'salvage' | 'moment' | 'standby'> & { copy?: unknown },
  { wal }: Pick<RestoreSource, 'wal'>,
): boolean {
  const isToTheEnd = request.moment === undefined && request.standby?.primaryConninfo === undefined;
  return request.salvage && isToTheEnd && request.copy === undefined && wal.source === 'archive';
}
