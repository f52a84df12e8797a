/** Short options that set a parameter to what follows. Source: PostgreSQL, src/backend/postmaster/postmaster.c. */
const SETS: Readonly<Record<string, string>> = {
  B: 'shared_buffers',
  N: 'max_connections',
  S: 'work_mem',
  h: 'listen_addresses',
  k: 'unix_socket_directories',
  p: 'port',
};
/** Short options that stand for a parameter and its value. */
const MEANS: Readonly<Record<string, readonly [name: string, value: string]>> = {
  F: ['fsync', 'off'],
  i: ['listen_addresses', '*'],
  l: ['ssl', 'on'],
};
/** Further short options that something follows. */
const TAKES = 'CDdfrtvW';

/**
 * Settings that a server's command line makes: `-c name=value`, `--name=value` and the short options that stand for
 * one. Dashes in names are read as underscores. Words that belong to no option are passed over.
 */
export function commandLineSettings(argv: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [option, value] of optionsOf(argv)) {
    const means = MEANS[option];
    const name = SETS[option];
    if (means) found.set(...(means as [string, string]));
    else if (name !== undefined) found.set(name, value);
    else if (option === 'c') {
      const equals = value.indexOf('=');
      if (equals > 0)
        found.set(value.slice(0, equals).trim().replaceAll('-', '_').toLowerCase(), value.slice(equals + 1));
    }
  }
  return found;
}

/** What `-D` names: the data directory, or where a configuration lies that names it. */
export function commandLineDirectory(argv: readonly string[]): string | undefined {
  const named = optionsOf(argv).findLast(([option]) => option === 'D')?.[1];
  return named?.startsWith('/') ? named : undefined;
}

/** The options with their values, in their order; `--name=value` as `c`. */
function optionsOf(argv: readonly string[]): [option: string, value: string][] {
  const found: [string, string][] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    if (/^--[a-z]/i.test(word)) found.push(['c', word.slice(2)]);
    // Short options without a value may stand together.
    else if (/^-[a-z]/i.test(word)) {
      for (let at = 1; at < word.length; at++) {
        const option = word[at] as string;
        const takes = option === 'c' || SETS[option] !== undefined || TAKES.includes(option);
        found.push([option, takes ? word.slice(at + 1) || (argv[++index] ?? '') : '']);
        if (takes) break;
      }
    }
  }
  return found;
}
