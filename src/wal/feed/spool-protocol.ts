/**
 * How the restore_command and the feeder speak: by files in the spool, since all they share is the volume.
 *
 * | path in the spool | says | written by |
 * | --- | --- | --- |
 * | NAME | a whole segment; the restore_command moves it to where the server wants it | feeder |
 * | kept/NAME | a file that the server asks for more than once (histories, the last segment); it is copied | feeder |
 * | absent/NAME | the archive is known to lack it | feeder |
 * | histories | all histories there are lie in `kept` | feeder |
 * | wanted/NAME | the server waits for it | restore_command |
 * | incoming/NAME | a file that is not whole yet; nobody reads it | feeder |
 * | feeding | a number that changes while the feeder lives, or `failed` | feeder |
 */
export const KEPT = 'kept';
export const ABSENT = 'absent';
export const WANTED = 'wanted';
export const INCOMING = 'incoming';
export const HISTORIES_KNOWN = 'histories';
export const FEEDING = 'feeding';
export const FAILED = 'failed';

/**
 * How long the feeder may be silent before the server is told to stop. Time in which nothing ran, as on a suspended
 * machine, does not count.
 */
export const SILENCE_MS = 30_000;

/**
 * The program that PostgreSQL calls when a file is not simply there. PostgreSQL takes an exit status of 1 to 125 for
 * "the archive has no such file", which ends recovery, and anything above for a reason to abort. So the script ends
 * with 1 only where the feeder has confirmed that the archive lacks the file, and with 254 for every fault. It waits in
 * the foreground, and so ends with the server that called it. $1 is the wanted file's name (%f). $2 is where to put it
 * (%p), relative to the data directory.
 */
export const FED_RESTORE_COMMAND_SCRIPT = `#!/bin/sh
# Written by ODO: gives PostgreSQL the WAL that odo fetches while the server recovers.
spool=\${0%/*}/spool
short=0.02 long=0.2
waited=0 silent=0 last=
while :; do
  if [ -f "$spool/$1" ]; then
    mv -f "$spool/$1" "$2" || exit 254
    exit 0
  fi
  beat=
  read -r beat 2>/dev/null <"$spool/${FEEDING}"
  case $beat in ${FAILED}*)
    echo "odo: $1 cannot be had, since odo has failed or ended: recovery must not end here" >&2
    exit 254 ;;
  esac
  if [ -f "$spool/${KEPT}/$1" ]; then
    cp "$spool/${KEPT}/$1" "$2" || exit 254
    exit 0
  fi
  if [ -e "$spool/${ABSENT}/$1" ]; then exit 1; fi
  case $1 in *.history) if [ -e "$spool/${HISTORIES_KNOWN}" ]; then exit 1; fi ;; esac
  if [ "$beat" != "$last" ]; then last=$beat silent=0; fi
  if [ "$silent" -ge ${SILENCE_MS} ]; then
    echo "odo: nobody fetches $1 any more: recovery must not end here" >&2
    exit 254
  fi
  if [ "$((waited % 1000))" = 0 ] && ! true >"$spool/${WANTED}/$1"; then
    echo "odo: $1 cannot be asked for: recovery must not end here" >&2
    exit 254
  fi
  if [ "$waited" -lt 1000 ]; then nap=$short ms=20; else nap=$long ms=200; fi
  if ! sleep "$nap" 2>/dev/null; then
    # Not every sleep knows fractions of a second.
    short=1 long=1 ms=1000
    sleep 1 || exit 254
  elif [ "$nap" = 1 ]; then ms=1000; fi
  waited=$((waited + ms)) silent=$((silent + ms))
done
`;
