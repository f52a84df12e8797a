import type { RehearsalQuestion } from '../../docker/containers/rehearsal-container.ts';
import { isBelow } from '../service/service-places.ts';
import type { RehearsedServer } from './rehearsed-server.ts';

/** Places that a rehearsal has not seen, and that may be there when the service starts, each with the reason. */
export type DoubtedPlaces = ReadonlyMap<string, string>;

const PLACES: ReadonlySet<RehearsalQuestion['what']> = new Set(['read', 'write', 'make', 'directory', 'parent']);

/** One question for each place that is asked about: whether anything is there at all. */
export function presenceQuestions(questions: readonly RehearsalQuestion[]): RehearsalQuestion[] {
  const places = questions.filter(({ what }) => PLACES.has(what)).map(({ of }) => of);
  return [...new Set(places)].map((of) => ({ what: 'there', of }));
}

/**
 * Finds those absent places that only the start of the service makes, each with the reason. Places in the data
 * directory are left out: the start finds there what the backup has.
 */
export async function findDoubted(
  absent: readonly string[],
  { places, madeAtStart }: Pick<RehearsedServer, 'places' | 'madeAtStart'>,
): Promise<DoubtedPlaces> {
  const doubted = new Map<string, string>();
  if (!madeAtStart) return doubted;
  for (const path of absent) {
    if (!path.startsWith('/') || path === places.pgdata.root || isBelow(path, places.pgdata.root)) continue;
    const why = await madeAtStart(path);
    if (why !== undefined) doubted.set(path, why);
  }
  return doubted;
}

/** The absolute paths that a server says it has not found. */
export function missedIn(log: string): string[] {
  const paths = [...log.matchAll(/"(\/[^"\n]+)": No such file or directory/g)].flatMap(([, path]) => path ?? []);
  return [...new Set(paths)];
}

/** A library that this server has not found, and the service's own has. */
export function missedLibrary(log: string, { libraries }: Pick<RehearsedServer, 'libraries'>): string | undefined {
  const [, name] =
    /^FATAL: +could not (?:access file|load library) "(?:\$libdir\/)?([^"/]+?)(?:\.so)?": /m.exec(log) ?? [];
  return name !== undefined && libraries?.includes(name) ? name : undefined;
}

/** The doubt, for people; undefined where there is none. */
export function wordsOfDoubt(doubted: DoubtedPlaces): string | undefined {
  if (doubted.size === 0) return undefined;
  const places = [...doubted].map(([path, why]) => `${path} (${why})`);
  const left = 'What names it was left as it is';
  return `what only the start of the service makes was not there: ${places.join(', ')}. ${left}`;
}
