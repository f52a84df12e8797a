import { OdoError } from '../errors.ts';

/** Whether the file system, or the user's share of it, has no room for what was to be done. */
export function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** Translates a file system error into ours, naming the file; anything else is given back as it came. */
export function translateFsError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error instanceof OdoError || !('code' in error)) return error;
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new OdoError('noSpace', `no space left while writing ${file}`, {
        hint: 'free some space or restore to a larger volume, then run the same command again',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new OdoError('unsafeTarget', `not allowed to write ${file} (${error.code})`, {
        hint: 'run as a user who may write there, or as root to set the owner of the files',
        cause: error,
      });
    default:
      return error;
  }
}
