import type { Backup } from '../../formats/contract/format.ts';
import { demandKnownMajor } from '../../postgres/terms/versions.ts';

/**
 * A version that ODO does not know is no damage, and is said by its name before anything is touched: versionMismatch.
 */
export function demandKnownVersion({ id, postgresMajor }: Backup): void {
  if (postgresMajor !== undefined) demandKnownMajor(postgresMajor, `backup ${id}`);
}
