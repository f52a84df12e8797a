/** There is no postmaster.pid: no server runs, or it has only begun to start. */
export const NO_SERVER = 97;
/** The image lacks the program. */
export const NO_PROGRAM = 96;

/**
 * Finds a client program and its server. The server writes down where it listens, so nothing is assumed of port, socket
 * directory or address. A password that the image was given in a file is read from there. Debian's /usr/bin has a
 * wrapper in Perl, which looks for a cluster longer than a question takes. So the program behind the wrapper is run,
 * with the variable that the wrapper would set.
 */
const FIND_SERVER = `file=$1 program=$2
shift 2
{ read -r x; read -r x; read -r x; read -r port; read -r host; read -r listen; } 2>/dev/null <"$file"
[ -n "$port" ] || exit ${NO_SERVER}
case $(command -v "$program") in
'') exit ${NO_PROGRAM} ;;
/usr/bin/*)
  { read -r major; } 2>/dev/null <"\${file%/*}/PG_VERSION"
  if [ -x "/usr/lib/postgresql/$major/bin/$program" ]; then
    program=/usr/lib/postgresql/$major/bin/$program
    export PGSYSCONFDIR="\${PGSYSCONFDIR-/etc/postgresql-common}"
  fi
esac
if [ -z "$host" ]; then
  case $listen in '*'|0.0.0.0) host=127.0.0.1 ;; '::') host=::1 ;; *) host=$listen ;; esac
fi
if [ -z "$PGPASSWORD" ] && [ -r "$POSTGRES_PASSWORD_FILE" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
fi
`;

/**
 * Runs one of PostgreSQL's client programs in a server's container; POSIX sh. $1 is the path of postmaster.pid, $2 the
 * program, the rest its arguments.
 */
export const RUN_CLIENT = `${FIND_SERVER}exec "$program" \${host:+-h "$host"} -p "$port" "$@"
`;

/**
 * Asks several questions in one call of the engine, since a call costs more than all of them. $1 and $2 are as in
 * RUN_CLIENT. $3 is the mark that ends each answer, with psql's status on stdout. $4 is the role. Database and
 * statement of each question follow.
 */
export const ASK_EACH = `${FIND_SERVER}mark=$1 role=$2
shift 2
while [ $# -gt 0 ]; do
  "$program" \${host:+-h "$host"} -p "$port" -U "$role" -w -XAtq -F "\t" -d "$1" -c "$2"
  echo "$mark $?"
  echo "$mark" >&2
  shift 2
done
`;

/** Limits of a configuration that would end ODO's own work, with the major version that has them. */
const LIMITS: readonly (readonly [name: string, since: number])[] = [
  ['statement_timeout', 13],
  ['lock_timeout', 13],
  ['idle_in_transaction_session_timeout', 13],
  ['idle_session_timeout', 14],
  ['transaction_timeout', 17],
];

/**
 * The value of PGOPTIONS. The backup's configuration is made for applications, and must not stop ODO's sessions. The
 * name of a limit that the server does not know would stop them, too.
 */
export function sessionOptions(major = 13): string {
  const limits = LIMITS.filter(([, since]) => major >= since).map(([name]) => `-c ${name}=0`);
  return [...limits, '-c default_transaction_read_only=off'].join(' ');
}
