import type { Format, Unit } from '../../formats/contract/format.ts';
import type { TarEntry } from '../../stream/bytes/entry.ts';
import type { Staging } from '../staging/staging.ts';

/**
 * Notes units as finished. A unit of the data directory is noted only when those before it are. Otherwise the earlier
 * unit could overwrite a file that comes in two of them, when an interrupted run is taken up. Units that such a run had
 * finished are to be told, too.
 */
export function finishInOrder(staging: Staging): (unit: Unit) => void {
  /** Keys by ordinal, as long as a unit before them is not on the disk. */
  const waiting = new Map<number, string>();
  let next = 0;
  const note = (key: string): void => {
    if (!staging.isFinished(key)) staging.finishUnit(key);
  };
  return ({ role, ordinal, key }) => {
    if (role !== 'base') return note(key);
    waiting.set(ordinal, key);
    for (let first = waiting.get(next); first !== undefined; first = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      note(first);
    }
  };
}

/**
 * For a member of which the last one counts, tells whether a later unit has brought it already. Units are not laid down
 * one after the other.
 */
export function createRepeats(mayRepeat: Format['mayRepeat']): (entry: TarEntry, unit: Unit) => boolean {
  const broughtBy = new Map<string, number>();
  return (entry, { ordinal }) => {
    if (mayRepeat?.(entry) !== 'later') return false;
    if ((broughtBy.get(entry.path) ?? -1) > ordinal) return true;
    broughtBy.set(entry.path, ordinal);
    return false;
  };
}
