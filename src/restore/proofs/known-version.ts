import type { Backup } from '../../formats/contract/format.ts';
import { demandKnownMajor } from '../../postgres/terms/versions.ts';

/**
 * Refuses a version that ODO does not know, by its name and before anything is touched, since it is no damage.
 * Errors: `versionMismatch`.
 */
export function demandKnownVersion({ id, postgresMajor }: Backup): void {
  if (postgresMajor !== undefined) demandKnownMajor(postgresMajor, `backup ${id}`);
}
