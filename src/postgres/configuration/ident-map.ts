/**
 * Finds the user name maps of local connections (`local … peer map=NAME`) that lock ODO out. Images of PostgreSQL, and
 * ODO, speak to their server as the operating system's user `postgres`. These maps do not let that user in as the role
 * `postgres`. Source: https://www.postgresql.org/docs/current/auth-username-maps.html
 */
export function findMapsWithoutPostgres(hba: string, ident: string): string[] {
  const maps = new Set<string>();
  for (const [kind, , user = '', method, ...options] of wordsOf(hba)) {
    const map = options.find((option) => option.startsWith('map='))?.slice(4);
    if (kind !== 'local' || method !== 'peer' || map === undefined) continue;
    if (user.split(',').some((name) => name === 'all' || name === 'postgres')) maps.add(map);
  }
  const rules = wordsOf(ident);
  return [...maps].filter(
    (map) => !rules.some(([name, system, role]) => name === map && isPostgres(system) && isPostgresRole(role)),
  );
}

function wordsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) =>
      (line.replace(/#.*/, '').match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', '')),
    )
    .filter((words) => words.length > 0);
}

/** A system user that begins with a slash is a regular expression. */
function isPostgres(system: string | undefined): boolean {
  if (!system?.startsWith('/')) return system === 'postgres';
  try {
    return new RegExp(system.slice(1)).test('postgres');
  } catch {
    return false;
  }
}

function isPostgresRole(role: string | undefined): boolean {
  return role === 'postgres' || role === 'all' || role === '\\1';
}
