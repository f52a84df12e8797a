import type { Amendment } from './amendment.ts';

/** The facts that are known beside a server's words. */
export interface WordsContext {
  settings: ReadonlyMap<string, string>;
  dataDirectory: string;
}

type Rule = [words: RegExp, amend: (match: RegExpExecArray, context: WordsContext, why: string) => Amendment[]];

const LIBRARY_LISTS = ['shared_preload_libraries', 'session_preload_libraries', 'local_preload_libraries'];

/** The value of a server without this setting. */
const DEFAULT_SHARED_BUFFERS = '128MB';

const LOCALE_SETTING = /^lc_(messages|monetary|numeric|time)$/;

/**
 * The remedies for faults that keep a server from starting, by the words of PostgreSQL 13 to 19 in English. Source:
 * PostgreSQL's guc.c, guc-file.l, postmaster.c, pqcomm.c, be-secure-openssl.c, sysv_shmem.c, dsm_impl.c,
 * method_io_uring.c, dfmgr.c
 */
const RULES: readonly Rule[] = [
  [
    /^LOG: +unrecognized configuration parameter "([^"]+)" in file /,
    ([, given = ''], { settings }) => {
      const name = given.toLowerCase();
      return [{ do: 'drop', name, was: settings.get(name) ?? '', why: 'this server does not know it' }];
    },
  ],
  [
    new RegExp(
      '^LOG: +(?:invalid value for parameter "([^"]+)"|parameter "([^"]+)" requires a |' +
        '[^"]* is outside the valid range for parameter "([^"]+)")',
    ),
    ([, ...names], context, why) => invalidValue(names.find(Boolean)?.toLowerCase() ?? '', context, why),
  ],
  [
    /^(?:LOG|FATAL): +could not open configuration (?:file|directory) "([^"]+)": /,
    // Files in the data directory have been looked at before, more closely than a rehearsal can.
    ([, path = ''], context) =>
      isNamedFile(path, context) || path.startsWith(`${context.dataDirectory}/`)
        ? []
        : [{ do: 'exclude', value: path, why: 'it is not there' }],
  ],
  [/^FATAL: +could not map anonymous shared memory: /, (_match, context, why) => lessMemory(context, why)],
  [
    /^FATAL: +could not (?:setup|create|initialize).*io_uring/,
    (_match, context, why) => change(context, 'io_method', 'worker', why),
  ],
  [
    /^FATAL: +could not (?:create shared memory segment|attach to shared memory)/,
    (_match, context, why) => change(context, 'shared_memory_type', 'mmap', why),
  ],
  [
    /^FATAL: +could not (?:open|resize|map) shared memory segment /,
    (_match, context, why) =>
      context.settings.has('min_dynamic_shared_memory')
        ? change(context, 'min_dynamic_shared_memory', '0', why)
        : change(context, 'dynamic_shared_memory_type', 'mmap', why),
  ],
  [
    /^FATAL: +(?!.*pg_hba\.conf).*(?:certificate|private key|SSL |CRL|DH parameters|ssl_)/,
    (_match, context, why) => change(context, 'ssl', 'off', why),
  ],
  [
    /^FATAL: +(?:could not access file|could not load library) "([^"]+)": /,
    ([, library = ''], context, why) => withoutLibrary(library, context, why),
  ],
];

/**
 * Finds in a server's words the amendments that would let it start. Several rules may speak of one matter, but each
 * setting gets one amendment. A fault that no rule knows stays, and keeps the server from starting.
 */
export function judgeWords(log: string, context: WordsContext): Amendment[] {
  const lines = log.split('\n');
  const found = new Map<string, Amendment>();
  for (const [index, line] of lines.entries()) {
    for (const [words, amend] of RULES) {
      const match = words.exec(line);
      if (!match) continue;
      const detail = /^DETAIL: +(.*)/.exec(lines[index + 1] ?? '')?.[1];
      const why = `the server says: ${line.replace(/^[A-Z]+: +/, '')}${detail === undefined ? '' : ` (${detail})`}`;
      for (const amendment of amend(match, context, why)) found.set(keyOf(amendment), amendment);
    }
  }
  return [...found.values()];
}

/** The words of a server that does not start, from the line that tells what is wrong to its remedy. */
export function wordsOfRefusal(log: string): string {
  const lines = log
    .split('\n')
    .filter((line) => line.trim() !== '' && !/database system is shut down|^LOG: +starting PostgreSQL/.test(line));
  const fatal = lines.findLastIndex((line) => /^(FATAL|PANIC): /.test(line));
  const told = fatal < 0 ? lines.slice(-6) : lines.slice(Math.max(0, fatal - 4), fatal + 3);
  return told.join('\n  ') || 'it said nothing';
}

/** The words of a server that cannot read these files at all. Nothing around it can be the reason. */
const NOT_ITS_FILES = /^FATAL: +(?:database files are incompatible with server|incorrect checksum in control file)/m;

/** Whether a server has said that it is of another kind than the one whose files it has. */
export function isOtherServers(log: string): boolean {
  return NOT_ITS_FILES.test(log);
}

/** The words of a server that did not get the memory it wanted at its start. */
export const MEMORY_REFUSED = /^FATAL: +could not map anonymous shared memory: /m;

/** Faults that only a rehearsal may have, without a network and with nothing mounted that can be written to. */
const REHEARSAL_ALONE = new RegExp(
  'could not translate|[Nn]ame or service not known|failure in name resolution|could not resolve|' +
    '[Nn]etwork is unreachable|Read-only file system',
);

/**
 * Why a server that did not start in a rehearsal may start all the same. Either it said nothing, or its words may come
 * from the rehearsal itself. undefined when its words are final.
 */
export function doubtWords(log: string): string | undefined {
  const ownWords = /^(?:FATAL|PANIC): |could not access the server configuration file|does not know where to find/m;
  if (!ownWords.test(log)) return `the server ended without a word on it: ${wordsOfRefusal(log)}`;
  if (REHEARSAL_ALONE.test(log))
    return `it is tried without a network and with nothing to write to: ${wordsOfRefusal(log)}`;
  return undefined;
}

function invalidValue(name: string, context: WordsContext, why: string): Amendment[] {
  if (LOCALE_SETTING.test(name)) {
    const locale = context.settings.get(name) ?? '';
    return change(context, name, 'C', `this image does not have the locale ${locale}`);
  }
  if (name === 'io_method') return change(context, name, 'worker', why);
  return [{ do: 'drop', name, was: context.settings.get(name) ?? '', why }];
}

/** Asks for less memory. Huge pages depend on the host. Without them, the server asks for too much shared memory. */
function lessMemory(context: WordsContext, why: string): Amendment[] {
  if (context.settings.get('huge_pages') === 'on') return change(context, 'huge_pages', 'try', why);
  return change(context, 'shared_buffers', DEFAULT_SHARED_BUFFERS, why);
}

function withoutLibrary(library: string, context: WordsContext, why: string): Amendment[] {
  const plain = (path: string) => path.replace(/^.*\//, '').replace(/\.so$/, '');
  return LIBRARY_LISTS.flatMap((name) => {
    const names = (context.settings.get(name) ?? '').split(',').map((one) => one.trim().replace(/^"(.*)"$/, '$1'));
    const kept = names.filter((one) => plain(one) !== plain(library));
    return kept.length < names.length ? change(context, name, kept.join(','), why) : [];
  });
}

function change({ settings }: WordsContext, name: string, value: string, why: string): Amendment[] {
  const was = settings.get(name);
  return was === undefined || was === value ? [] : [{ do: 'set', name, was, value, why }];
}

/** Whether a file is read by itself, not by an include. */
function isNamedFile(path: string, { settings, dataDirectory }: WordsContext): boolean {
  const usual = ['pg_hba.conf', 'pg_ident.conf', 'postgresql.conf'].map((name) => `${dataDirectory}/${name}`);
  return [...usual, settings.get('hba_file'), settings.get('ident_file')].includes(path);
}

function keyOf(amendment: Amendment): string {
  if (amendment.do === 'exclude') return `exclude ${amendment.value}`;
  return amendment.do === 'make' ? `make ${amendment.file}` : amendment.name;
}
