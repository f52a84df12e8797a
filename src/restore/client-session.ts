/** There is no postmaster.pid: no server runs, or it has only begun to start. */
export const NO_SERVER = 97;
/** The image lacks the program. */
export const NO_PROGRAM = 96;

/**
 * Runs one of PostgreSQL's client programs in a server's container; POSIX sh. $1 is the path of postmaster.pid, $2 the program, the rest its arguments.
 * The server writes down where it listens, so nothing is assumed of port, socket directory or address. A password that the image was given by
 * the file is read from there.
 */
export const RUN_CLIENT = `file=$1 program=$2
shift 2
{ read -r x; read -r x; read -r x; read -r port; read -r host; read -r listen; } 2>/dev/null <"$file"
[ -n "$port" ] || exit ${NO_SERVER}
command -v "$program" >/dev/null || exit ${NO_PROGRAM}
if [ -z "$host" ]; then
  case $listen in '*'|0.0.0.0) host=127.0.0.1 ;; '::') host=::1 ;; *) host=$listen ;; esac
fi
if [ -z "$PGPASSWORD" ] && [ -r "$POSTGRES_PASSWORD_FILE" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
fi
exec "$program" \${host:+-h "$host"} -p "$port" "$@"
`;

/** Limits of a configuration that would end ODO's own work, with the major version that has them. */
const LIMITS: readonly (readonly [name: string, since: number])[] = [
  ['statement_timeout', 13],
  ['lock_timeout', 13],
  ['idle_in_transaction_session_timeout', 13],
  ['idle_session_timeout', 14],
  ['transaction_timeout', 17],
];

/** For PGOPTIONS: the backup's configuration is made for applications, and must not stop ODO's sessions. An unknown name would, too. */
export function sessionOptions(major = 13): string {
  const limits = LIMITS.filter(([, since]) => major >= since).map(([name]) => `-c ${name}=0`);
  return [...limits, '-c default_transaction_read_only=off'].join(' ');
}
