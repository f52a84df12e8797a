import type { Report } from '../../events.ts';
import { type CheckedCollations, checkCollations } from './check-collations.ts';
import { checkContents, type PromotedFacts } from './check-contents.ts';
import type { ServiceDatabase } from './service-database.ts';

/**
 * Asks a promoted server for what may differ from the original's: the order of text, the libraries of functions, what
 * works by itself. Gives notes.
 */
export async function checkPromoted(
  database: Pick<ServiceDatabase, 'query'>,
  facts: PromotedFacts,
  report: Report,
): Promise<CheckedCollations> {
  const [collations, contents] = await Promise.all([checkCollations(database, report), checkContents(database, facts)]);
  for (const message of contents) report({ type: 'note', level: 'warning', message });
  return { ...collations, notes: [...collations.notes, ...contents] };
}
