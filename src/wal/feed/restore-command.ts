import path from 'node:path';
import { type Place, restoreCommandFile, spoolDir } from '../../tree/places/place.ts';

/** Marker in the spool. The whole archive has been fetched, so a file that is not there does not exist. */
export const COMPLETE_MARKER = 'complete';

/**
 * The program that PostgreSQL calls for WAL: POSIX sh, for Debian's and Alpine's images alike. PostgreSQL takes an exit
 * status of 1 to 125 for "the archive has no such file", which ends recovery, and anything above for a reason to abort.
 * So the script ends with 1 only when the archive is known to lack the file, and with 254 for every fault. The file is
 * copied, not moved: PostgreSQL asks again for history files, and for segments after a crash. $1 is the wanted file's
 * name (%f). $2 is where to put it (%p), relative to the data directory.
 */
export const RESTORE_COMMAND_SCRIPT = `#!/bin/sh
# Written by ODO: gives PostgreSQL the WAL that was fetched from the backup repository.
spool=\${0%/*}/spool
if [ -f "$spool/$1" ]; then
  if cp "$spool/$1" "$2"; then exit 0; fi
  # odo follow may have removed it in between, since the server has it behind it; any other fault is one.
  if [ -f "$spool/$1" ]; then exit 254; fi
fi
if [ -f "$spool/${COMPLETE_MARKER}" ]; then exit 1; fi
echo "odo: $1 is not in $spool, and the spool is not complete: recovery must not end here" >&2
exit 254
`;

/**
 * The setting's text. Paths are relative to PGDATA, the server's working directory, so they hold wherever the volume is
 * mounted. A shell that cannot read its script ends with 2 or 127, and 2 would pass for the end of the archive. So the
 * script is looked at first.
 */
export function restoreCommandSetting(place: Place): string {
  const script = shellQuote(fromDataDirectory(place, restoreCommandFile(place)));
  return `test -r ${script} || exit 254; sh ${script} "%f" "%p"`;
}

/**
 * For servers that end their recovery when no host command watches: leaves the new timeline's history to the archiver,
 * which sends it when archiving is turned on. It must never fail. The last of the names in order is the newest.
 */
export const LEAVE_HISTORY_SETTING =
  '( cd pg_wal && for h in *.history; do :; done; s=archive_status/$h; ' +
  'test ! -f "$h" || test -e "$s.ready" || test -e "$s.done" || { true >"$s.ready" && sync "$s.ready"; } ) ' +
  '2>/dev/null || true';

/** For servers that no host command watches: once recovery has ended, the spool goes away. It must never fail. */
export function clearSpoolSetting(place: Place): string {
  const odoDir = shellQuote(fromDataDirectory(place, place.odoDir));
  const spool = shellQuote(fromDataDirectory(place, spoolDir(place)));
  const command = shellQuote(fromDataDirectory(place, restoreCommandFile(place)));
  return `rm -rf ${spool} ${command}; rmdir ${odoDir} 2>/dev/null || true`;
}

/**
 * The setting where a feeder works beside the server. A segment that is there costs only a rename. The script does
 * everything else. A failed rename would end with 1, the end of the archive, so it ends with 254 instead.
 */
export function fedRestoreCommandSetting(place: Place): string {
  const script = shellQuote(fromDataDirectory(place, restoreCommandFile(place)));
  const spool = shellQuote(fromDataDirectory(place, spoolDir(place)));
  return (
    `if test -f ${spool}/"%f"; then mv -f ${spool}/"%f" "%p" || exit 254; exit 0; fi; test -r ${script} || ` +
    `exit 254; exec sh ${script} "%f" "%p"`
  );
}

function fromDataDirectory(place: Place, file: string): string {
  return path.relative(place.root, file);
}

/**
 * Leaves plain words as they are, and puts others into single quotes. A percent sign is doubled, since PostgreSQL
 * expands it.
 */
function shellQuote(word: string): string {
  const escaped = word.replaceAll('%', '%%');
  return /^[\w./-]+$/.test(escaped) ? escaped : `'${escaped.replaceAll("'", "'\\''")}'`;
}
