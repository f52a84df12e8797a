import type { Place } from '../../tree/places/place.ts';
import { hasPrevious } from '../volume/clear-away.ts';
import { isStartable, type Seen } from '../volume/look-at-volume.ts';
import { refusedAsLast } from '../volume/refused-clean.ts';

/**
 * Refuses to delete content that may be all there is, since somebody may have removed what is in place. Half-deleted
 * content does not count: it is nothing to go back to.
 * Errors: `unsafeTarget`.
 */
export function demandOtherThanLast(pgdata: Place, seen: Seen): void {
  const { journal } = seen;
  if (journal?.state === 'clearing' || !journal?.places.some(hasPrevious) || isStartable(pgdata, seen)) return;
  throw refusedAsLast(pgdata);
}
