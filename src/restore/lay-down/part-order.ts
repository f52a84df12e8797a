import type { Format, Part } from '../../formats/contract/format.ts';
import type { TarEntry } from '../../stream/bytes/entry.ts';
import type { Staging } from '../staging/staging.ts';

/**
 * Notes parts as finished. A base part only when those before it are: a file that comes in two of them must not be
 * overwritten by the earlier one when an interrupted run is taken up.
 */
export function finishInOrder(parts: readonly Part[], staging: Staging): (part: Part) => void {
  const laidDown = new Set<string>();
  return (part) => {
    if (part.role !== 'base') return staging.finishPart(part.key);
    laidDown.add(part.key);
    for (const { role, key } of parts) {
      if (role !== 'base' || staging.isFinished(key)) continue;
      if (!laidDown.has(key)) return;
      staging.finishPart(key);
    }
  };
}

/**
 * Tells of a member whose later one counts whether a later part has brought it already, since parts are not laid down
 * one after the other.
 */
export function createRepeats(
  parts: readonly Part[],
  mayRepeat: Format['mayRepeat'],
): (entry: TarEntry, part: Part) => boolean {
  const broughtBy = new Map<string, number>();
  return (entry, part) => {
    if (mayRepeat?.(entry) !== 'later') return false;
    const index = parts.indexOf(part);
    if ((broughtBy.get(entry.path) ?? -1) > index) return true;
    broughtBy.set(entry.path, index);
    return false;
  };
}
