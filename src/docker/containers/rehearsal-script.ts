/** What the throwaway container has found out. */
export interface RehearsalAnswers {
  /** In the order of the questions. */
  answers: boolean[];
  /** The server came as far as to begin its recovery. */
  started: boolean;
  /** It had neither come so far nor ended when the time was over. */
  hung: boolean;
  /** What it said meanwhile, in English. */
  log: string;
}

const END_OF_ANSWERS = '-- log';

/**
 * Reads questions from its input, a word and what it is about in each line; then starts `postgres` with its own
 * arguments. Whether the server comes up is told by its postmaster.pid, whose eighth line it writes just before it
 * begins to recover, after all that can keep it from starting. There it is held by a restore_command that waits, and
 * ended. A server that does neither within a minute hangs. Whatever the image's shell is, it does.
 */
export const REHEARSE = `
for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do PATH="$PATH:$folder"; done
command -v postgres >/dev/null || exit 127
export LC_ALL=C
cd / || exit 1
log="$PGDATA/odo-rehearsal.log"
rm -f "$PGDATA/postmaster.pid"
ulimit -c 0
# The answers are found while it starts.
postgres "$@" >"$log" 2>&1 </dev/null &
server=$!
takes() { postgres -C lc_monetary -c "lc_monetary=$1" -c config_file=/dev/null -D /tmp >/dev/null 2>&1; }
takes C && can_tell=1 || can_tell=
while IFS='	' read -r what of; do
  case $what in
    read) [ -r "$of" ] ;;
    write) [ -d "$of" ] && [ -w "$of" ] ;;
    make) [ -w "$of" ] || { [ ! -e "$of" ] && [ -w "$(dirname "$of")" ]; } ;;
    directory) [ -d "$of" ] ;;
    parent) [ -d "$of" ] || [ -d "$(dirname "$of")" ] ;;
    there) [ -e "$of" ] ;;
    locale) [ -z "$can_tell" ] || takes "$of" ;;
    huge) grep -q '^HugePages_Total: *[1-9]' /proc/meminfo ;;
  esac && echo yes || echo no
done
echo '${END_OF_ANSWERS}'
looks=0
while kill -0 $server 2>/dev/null && [ $looks -lt 1200 ]; do
  status=$(sed -n 8p "$PGDATA/postmaster.pid" 2>/dev/null)
  case $status in *[a-z]*) echo started; break ;; esac
  sleep 0.05
  looks=$((looks + 1))
done
[ $looks -lt 1200 ] || echo hung
kill -QUIT $server 2>/dev/null
wait $server
cat "$log"
exit 0
`;

/** What a server says once it has begun to recover, should it end before that was seen. */
const RECOVERING = new RegExp(
  '^LOG: +(starting (archive|point-in-time) recovery|entering standby mode|' +
    'aborting startup due to startup process failure)',
  'm',
);

/** Reads what the script has printed. */
export function readAnswers(output: string, questions: number): RehearsalAnswers {
  const at = output.indexOf(`${END_OF_ANSWERS}\n`);
  const answers = output
    .slice(0, at)
    .split('\n')
    .slice(0, questions)
    .map((line) => line === 'yes');
  const rest = output.slice(at + END_OF_ANSWERS.length + 1);
  const [, word, log = ''] = /^(started\n|hung\n)?([\s\S]*)$/.exec(rest) ?? [];
  const started = word === 'started\n' || RECOVERING.test(log);
  return { answers, started, hung: word === 'hung\n' && !started, log };
}

/**
 * What a server is told in a rehearsal besides its own command line: that it waits instead of recovering, keeps to
 * itself, and says what is wrong here.
 */
export const REHEARSAL_SETTINGS: Readonly<Record<string, string>> = {
  restore_command: 'sleep 60',
  recovery_target_timeline: 'latest',
  archive_command: '',
  listen_addresses: '',
  // What is mounted for sockets is in use by the service's own server.
  unix_socket_directories: '/tmp',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  log_error_verbosity: 'default',
  log_line_prefix: '',
  lc_messages: 'C',
};
