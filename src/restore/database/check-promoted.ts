import { asOdoError, OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { type CheckedCollations, checkCollations } from './check-collations.ts';
import { checkContents, type PromotedFacts } from './check-contents.ts';
import { checkRelationFiles } from './check-relation-files.ts';
import type { ServiceDatabase } from './service-database.ts';

/**
 * Asks a promoted server for what may differ from the original's: the order of text, the libraries of functions, what
 * works by itself. Gives notes. Whether relations lack their files is asked with it.
 * Errors: as checkRelationFiles(), once all the rest is told.
 */
export async function checkPromoted(
  database: Pick<ServiceDatabase, 'query'>,
  facts: PromotedFacts,
  report: Report,
): Promise<CheckedCollations> {
  const [collations, contents, files] = await Promise.all([
    checkCollations(database, report),
    checkContents(database, facts),
    checkRelationFiles(database, report).catch((error: unknown) => asOdoError(error)),
  ]);
  for (const message of contents) report({ type: 'note', level: 'warning', message });
  if (files instanceof OdoError) throw files;
  return { ...collations, notes: [...collations.notes, ...contents, ...files] };
}
