import { OdoError } from '../../errors.ts';
import type { Repository } from '../../formats/contract/format.ts';
import type { RepositoryRequest } from '../contract/request.ts';

/**
 * The repositories under the URL that are meant. Without `server` all are. With `server` the one in that folder is, or
 * else those of that name, which may be in several folders.
 * Errors: `notFound` when there is none of them.
 */
export function meantRepositories(
  repositories: readonly Repository[],
  { server, store }: RepositoryRequest,
): Repository[] {
  if (server === undefined) return [...repositories];
  const folder = server.replace(/^\/+|\/+$/g, '');
  const exact = repositories.filter(({ ref }) => ref.root === `${folder}/`);
  const meant = exact.length > 0 ? exact : repositories.filter((repository) => repository.server === server);
  if (meant.length > 0) return meant;
  throw new OdoError('notFound', `no server '${server}' under ${store.url}; there is ${namesOf(repositories)}`, {
    hint: 'choose one of them with --server, by its name or its folder',
  });
}

/**
 * The one repository that is meant.
 * Errors: `usage` when there are several, naming them.
 */
export function onlyRepository(repositories: readonly Repository[], request: RepositoryRequest): Repository {
  const meant = meantRepositories(repositories, request);
  const [only, ...others] = meant;
  if (only && others.length === 0) return only;
  const isNamed = meant.every(({ server }, index) => meant.findIndex((other) => other.server === server) === index);
  const example = (isNamed ? only?.server : only?.ref.root.replace(/\/$/, '')) ?? 'SERVER';
  throw new OdoError('usage', `there are ${meant.length} servers under ${request.store.url}: ${namesOf(meant)}`, {
    hint: `choose one with --server, such as --server ${example}, or point -u at it`,
  });
}

function namesOf(repositories: readonly Repository[]): string {
  return repositories.map(({ server, ref }) => `${server} (${ref.format}, ${ref.root})`).join(', ');
}
