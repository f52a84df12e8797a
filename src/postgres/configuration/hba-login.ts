/** A login by the socket, on the server's own machine. */
export interface LocalLogin {
  role: string;
  database: string;
  /** A password is at hand, right or wrong. */
  hasPassword: boolean;
}

/** A word of a list. A word in quotes is a name, whatever it looks like. */
interface Word {
  text: string;
  isQuoted: boolean;
}

const PASSWORD_METHODS = /^(scram-sha-256|md5|password|ldap|radius|pam|bsd)$/;

/** Why a login is turned down. */
export interface TurnedDown {
  /** The line that turns the login down, or words for the lack of a line that lets it in. */
  why: string;
  /** The line wants a password, and none is at hand. A file in the container may still hold one. */
  isForPassword: boolean;
}

/**
 * Why a pg_hba.conf turns a login down. undefined where it may let the login in. It may also do so if the file alone
 * does not tell: groups, patterns, other files, names of the operating system's users, whether a password is right.
 * Source: https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
 */
export function turnsDown(hba: string, login: LocalLogin): TurnedDown | undefined {
  for (const line of linesOf(hba)) {
    const [[kind] = [], databases = [], roles = [], [method] = []] = fieldsOf(line);
    if (kind === undefined) continue;
    if (/^include/i.test(kind.text)) return undefined;
    if (kind.text !== 'local') continue;
    const matches = both(
      anyOf(databases, (word) => isDatabase(word, login)),
      anyOf(roles, (word) => isRole(word, login)),
    );
    if (matches === false) continue;
    if (matches === undefined || method === undefined) return undefined;
    const isForPassword = PASSWORD_METHODS.test(method.text);
    const isDown = method.text === 'reject' || (isForPassword && !login.hasPassword);
    return isDown ? { why: `it says "${line.trim().replaceAll(/\s+/g, ' ')}"`, isForPassword } : undefined;
  }
  return { why: `it has no line for ${login.role} over the socket`, isForPassword: false };
}

/** Lines as the server reads them: a line that ends with a backslash goes on in the next. */
function linesOf(text: string): string[] {
  return text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/);
}

/** The fields of a line up to a comment. Each is a list of words, which commas continue, with spaces or without. */
function fieldsOf(line: string): Word[][] {
  const fields: Word[][] = [];
  let goesOn = false;
  for (const [token] of line.matchAll(/#.*|,|"[^"]*"|[^\s,"#]+/g)) {
    if (token.startsWith('#')) break;
    if (token === ',') {
      goesOn = true;
      continue;
    }
    const word = token.startsWith('"')
      ? { text: token.slice(1, -1), isQuoted: true }
      : { text: token, isQuoted: false };
    if (goesOn) fields.at(-1)?.push(word);
    else fields.push([word]);
    goesOn = false;
  }
  return fields;
}

/** undefined means that it cannot be told. */
type Told = boolean | undefined;

function both(one: Told, other: Told): Told {
  if (one === false || other === false) return false;
  return one && other;
}

function anyOf(words: readonly Word[], fits: (word: Word) => Told): Told {
  const told = words.map(fits);
  if (told.includes(true)) return true;
  return told.includes(undefined) ? undefined : false;
}

function isDatabase(word: Word, { role, database }: LocalLogin): Told {
  if (word.isQuoted) return word.text === database;
  if (word.text === 'all') return true;
  if (word.text === 'sameuser') return role === database;
  if (word.text === 'replication') return false;
  return /^(samerole|samegroup|[@/].*)$/.test(word.text) ? undefined : word.text === database;
}

function isRole(word: Word, { role }: LocalLogin): Told {
  if (word.isQuoted) return word.text === role;
  if (word.text === 'all') return true;
  return /^[+@/]/.test(word.text) ? undefined : word.text === role;
}
