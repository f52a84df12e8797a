import fs from 'node:fs';
import { OdoError } from '../../errors.ts';
import type { Place } from './place.ts';

// A tablespace may lie on a volume that is not mounted at the moment. If it were taken for empty, it would be left out,
// and a data directory would come to stand beside a tablespace of another age.

/** Refuses (`unsafeTarget`) to move content when one of a restore's places, or what ODO has put into it, is missing. */
export function demandPlaces(places: readonly Place[]): void {
  for (const { root, odoDir } of places) if (!fs.existsSync(odoDir)) throw absent(root);
}

/** Refuses (`unsafeTarget`) to delete old content when not all of a restore's places are there. */
export function demandRoots(places: readonly Place[]): void {
  for (const { root, odoDir } of places) if (!fs.existsSync(root) && !fs.existsSync(odoDir)) throw absent(root);
}

function absent(root: string): OdoError {
  return new OdoError(
    'unsafeTarget',
    `a restore has filled ${root} as well, and what it left there is not to be found now`,
    {
      hint: 'see that it is mounted where it was, then run the same command again; nothing was touched',
    },
  );
}
