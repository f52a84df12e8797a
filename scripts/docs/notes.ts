import type { ErrorCode } from '../../src/errors.ts';

/** What the reference says of an option beyond what `--help` has room for. A test holds that each option is there. */
export const OPTION_NOTES: Readonly<Record<string, string>> = {
  'aws-secret-key': 'other users of the machine can read command lines',
  's3-url':
    '`base/` of a server does as well; or a directory, or the `https://` URL of one pg_basebackup set; see ' +
    '[stores](../explanation/stores.md)',
  endpoint: "without it `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the profile's `endpoint_url`",
  profile: 'its region and endpoint, too, where none is given',
  'verify-tls': 'it is warned of',
  volume: "or the host's path of a bind mount",
  'replace-conf': 'exit code 3 when it is not there; see [configuration](../explanation/configuration.md)',
  'archive-mode': 'see [configuration](../explanation/configuration.md#archiving)',
  set: "the service's own server program is asked beforehand whether it takes it",
  'keep-settings': 'see [configuration](../explanation/configuration.md#settings-that-do-not-fit)',
  'post-sql': 'see [configuration](../explanation/configuration.md#scripts)',
  standby: 'see [a standby](../guides/standby.md)',
  'primary-conninfo-file': 'safer for a password than the command line',
  'new-volume': 'see [a new volume](../guides/new-volume.md)',
  temporary: 'see [just looking](../guides/just-looking.md)',
  into: 'see [without a service](../guides/without-a-service.md)',
  backup: '[latest](../explanation/catalogue.md) is the newest complete one',
  'target-time': 'see [moments](../explanation/moments.md)',
  'target-action': 'at a pause the server answers read-only',
  owner: "the service's is what its server runs as: 999:999 in Debian's images, 70:70 in Alpine's",
  spool: 'or for a standby that is followed; two segments at least',
  memory: 'more of it means larger windows and more parts at once',
  sync: 'the flush comes before the exchange',
  'stall-timeout': 'then the restore ends with exit code 31',
  'allow-different-cluster':
    'without it that data is kept then, unless it holds nothing that somebody has made: no table, view, function, ' +
    'role or the like',
  salvage: 'see [old data](../explanation/old-data.md)',
  rehearsal: 'see [the rehearsal](../explanation/rehearsal.md)',
  'accept-loss':
    'with `odo clean` also what was kept of another cluster, and WAL that was set aside; see ' +
    '[old data](../explanation/old-data.md)',
  fresh: 'see [resuming](../explanation/resuming.md)',
  yes: 'it is asked on a terminal only; `--wipe`, and a rollback of data that has been in use, need it elsewhere',
  json: 'see [output](output.md)',
};

/** What the reference says of a command beyond its one line. A test holds that each command is there. */
export const COMMAND_NOTES: Readonly<Record<string, string>> = {
  rollback:
    'starts the service, and after a `--switch` points it back to its old volume; what was used since is kept, ' +
    'and another `odo rollback` goes back to it: it is asked first, and needs `--yes` where there is no terminal',
  follow: 'see [a standby](../guides/standby.md)',
  check: 'exit code 0 only when it would',
  list: '`--json` gives all that is known',
  status:
    'how large it is, whether a standby is followed, and [what to do about it](states.md); works beside a running ' +
    'restore',
  config: 'secrets masked',
};

/** What to do about each exit code. */
export const EXIT_CODE_ADVICE: Readonly<Record<ErrorCode | 'done', string>> = {
  done: 'read the receipt: what was reached, and what is left to do',
  bug: 'report it with the output of `--verbose`; `odo status` tells what is on the volume',
  usage: 'the message names the option, and a near one where it was mistyped',
  noReplacementConf: 'name the folder that has the file: `-c DIR`',
  storeUnreachable: 'check endpoint, proxy and network; the same command goes on from where it was',
  accessDenied: 'check keys, region and rights; with keys that have ended, the same command goes on with new ones',
  notFound: 'check the URL; `odo list -u` one folder higher shows what is there',
  backupIncomplete: '`odo list` tells which backups are whole: choose one with `--backup`, or a moment before the hole',
  dataCorrupt: 'choose another backup, or a moment before the damage; after the exchange the old data is kept',
  targetOutOfReach: 'the message has the nearest moments that can be recovered; `odo list` has all of them',
  dockerUnreachable: 'see whether the engine runs and this user may speak to it; the same command goes on',
  serviceNotFound: '`docker compose config` shows the names; the message says what does not fit',
  versionMismatch:
    "give the service an image of the backup's major version; a restore image of another build is made anew",
  noSpace:
    'make room and run the same command, restore [to another volume](../guides/new-volume.md), or give the old data ' +
    'up first with `--wipe`',
  unsafeTarget: 'the message says who or what is in the way',
  writeFailed: "see the kernel's log for the disk; no old data was deleted on it",
  wouldNotStart: "the server's own words are in the message: `--set`, `-c` or `--pg-hba` change what it does not take",
  recoveryFailed: "see the server's log; the message has the command that brings the old data back",
  promotionNotSeen: '`odo status` tells whether it still recovers; the old data is kept',
  scriptFailed: 'mend the script; the message says how to run the rest of them',
  cancelled: 'the same command goes on from where it was',
};
