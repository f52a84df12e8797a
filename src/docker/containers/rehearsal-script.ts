/** The findings of the throwaway container. */
export interface RehearsalAnswers {
  /** In the order of the questions. */
  answers: boolean[];
  /** The server came as far as to begin its recovery. */
  started: boolean;
  /** The server had neither begun its recovery nor ended when the time was over. */
  hung: boolean;
  /** The server's log meanwhile, in English. */
  log: string;
}

const END_OF_ANSWERS = '-- log';

/**
 * Reads questions from its input: a word and its object in each line. Then starts `postgres` with its own arguments.
 * The server's postmaster.pid tells whether it comes up: the server writes the eighth line just before it begins to
 * recover, after everything that can keep it from starting. There a restore_command that waits holds the server, and it
 * is ended. A server that neither comes up nor ends within a minute hangs. Any image's shell will do.
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
# Its recovery, when just about to start a program, misses a gentler signal, and then is waited for five seconds.
parts=
for stat in /proc/[0-9]*/stat; do
  read -r pid _ _ parent _ <"$stat" && [ "$parent" = $server ] && parts="$parts $pid"
done 2>/dev/null
kill -KILL $server $parts 2>/dev/null
wait $server 2>/dev/null
cat "$log"
exit 0
`;

/** Words of a server that has begun to recover, should it end before that was seen. */
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
 * Settings of a server in a rehearsal besides its own command line. With them it waits instead of recovering, keeps to
 * itself, and says what is wrong.
 */
export const REHEARSAL_SETTINGS: Readonly<Record<string, string>> = {
  restore_command: 'sleep 60',
  recovery_target_timeline: 'latest',
  archive_command: '',
  listen_addresses: '',
  // The service's own server uses the directories that are mounted for sockets.
  unix_socket_directories: '/tmp',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  log_error_verbosity: 'default',
  log_line_prefix: '',
  lc_messages: 'C',
};
