/**
 * Every way in which ODO ends, in one table. The exit code is what scripts act on, so a number never changes its
 * meaning.
 */
export const EXIT = {
  done: { exitCode: 0, meaning: 'done' },
  bug: { exitCode: 1, meaning: 'a bug in ODO' },
  usage: { exitCode: 2, meaning: 'wrong usage: an option is missing, unknown or contradicts another' },
  noReplacementConf: { exitCode: 3, meaning: 'no postgresql.auto.conf for --replace-conf' },
  storeUnreachable: { exitCode: 10, meaning: 'the store cannot be reached' },
  accessDenied: { exitCode: 11, meaning: 'the store denies access' },
  notFound: { exitCode: 12, meaning: 'no such bucket, prefix or backup' },
  backupIncomplete: {
    exitCode: 13,
    meaning: 'the backup is incomplete: not DONE, or a part or required WAL is missing',
  },
  dataCorrupt: { exitCode: 14, meaning: 'data in the repository is corrupt' },
  targetOutOfReach: { exitCode: 15, meaning: 'the wanted moment cannot be recovered from what the repository holds' },
  dockerUnreachable: { exitCode: 20, meaning: 'Docker cannot be reached' },
  serviceNotFound: {
    exitCode: 21,
    meaning: 'compose file, service or volume not found, or they do not belong together',
  },
  versionMismatch: { exitCode: 22, meaning: 'the image or its PostgreSQL version does not fit' },
  noSpace: { exitCode: 23, meaning: 'not enough disk space' },
  unsafeTarget: {
    exitCode: 24,
    meaning: 'the target is not safe to use: not empty and not a data directory, or a server runs on it',
  },
  writeFailed: { exitCode: 25, meaning: 'the disk reports an error: not all that was written has reached it' },
  wouldNotStart: {
    exitCode: 26,
    meaning: "the service's server would not start with the restored configuration; nothing was exchanged",
  },
  recoveryFailed: { exitCode: 30, meaning: 'recovery failed' },
  promotionNotSeen: { exitCode: 31, meaning: 'promotion was not seen in time' },
  scriptFailed: { exitCode: 32, meaning: 'a script of --post-sql failed; the restored database is up' },
  cancelled: { exitCode: 130, meaning: 'cancelled' },
} as const;

export type ErrorCode = Exclude<keyof typeof EXIT, 'done'>;

/** An error as data: what crosses from the restore container to the host, and what --json prints. */
export interface ErrorReport {
  code: ErrorCode;
  exitCode: number;
  message: string;
  hint?: string;
}

/**
 * The one error class. `message` is lower case and names the object (bucket, key, file, service …). `hint` is the next
 * action of the person who reads it. `cause` keeps the original error. None of them may hold a secret.
 */
export class OdoError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OdoError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return EXIT[this.code].exitCode;
  }

  report(): ErrorReport {
    const report: ErrorReport = { code: this.code, exitCode: this.exitCode, message: this.message };
    if (this.hint !== undefined) report.hint = this.hint;
    return report;
  }

  static fromReport(report: ErrorReport): OdoError {
    return new OdoError(report.code, report.message, { hint: report.hint });
  }
}

/** The error of a cancelled operation, whatever form the cancellation took on its way. */
export function cancelled(cause?: unknown): OdoError {
  return new OdoError('cancelled', 'cancelled', { cause });
}

/**
 * Makes an OdoError of anything thrown. When the signal has fired, it is the signal's own reason, or `cancelled`. An
 * error that nobody translated is a `bug` of ours.
 */
export function asOdoError(error: unknown, signal?: AbortSignal): OdoError {
  // A cancellation that tells what to do next says more than the reason of the signal.
  const isTold = error instanceof OdoError && (error.code !== 'cancelled' || error.hint !== undefined);
  if (signal?.aborted && !isTold) {
    if (signal.reason instanceof OdoError) return signal.reason;
    return cancelled(error);
  }
  if (error instanceof OdoError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new OdoError('bug', `unexpected: ${message}`, {
    hint: 'this is a bug in ODO; please report it with the output of the run',
    cause: error,
  });
}
