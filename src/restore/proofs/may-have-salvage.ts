import type { RestoreRequest } from '../contract/request.ts';
import type { RestoreSource } from './prove-repository.ts';

/**
 * Whether the WAL of the old data is wanted behind the end of the archive. Who restores to a certain moment has said
 * what is to be left out, a primary has the rest by itself, and a copy has no old data.
 */
export function mayHaveSalvage(
  request: Pick<RestoreRequest, 'salvage' | 'moment' | 'standby'> & { copy?: unknown },
  { wal }: Pick<RestoreSource, 'wal'>,
): boolean {
  const isToTheEnd = request.moment === undefined && request.standby?.primaryConninfo === undefined;
  return request.salvage && isToTheEnd && request.copy === undefined && wal.source === 'archive';
}
