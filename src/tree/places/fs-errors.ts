import { OdoError } from '../../errors.ts';

/** Whether the file system, or the user's share of it, has no room left. */
export function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** Whether something could not be written because the file system takes nothing, whoever asks. */
export function isReadOnly(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'EROFS') || isReadOnly(error.cause);
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
    case 'EBUSY':
    case 'EXDEV':
      return new OdoError('unsafeTarget', `cannot move or remove ${pathOf(error) ?? file} (${error.code})`, {
        hint:
          'something is mounted there, or it lies on a file system of its own: findmnt shows it. Mount it ' +
          'elsewhere, or unmount it while the ' +
          'restore goes on, then run the same command again',
        cause: error,
      });
    case 'EIO':
    case 'ENXIO':
    case 'ESTALE':
    case 'EREMOTEIO':
    case 'ENODEV':
    case 'ESHUTDOWN':
    case 'EUCLEAN':
      return writeFailed(pathOf(error) ?? file, error.code, error);
    default:
      return error;
  }
}

/**
 * The error of a disk that does not do what it was asked, or has lost what it had taken. `reason` is the error's name,
 * or words.
 */
export function writeFailed(file: string, reason: string, cause?: unknown): OdoError {
  return new OdoError('writeFailed', `the file system of ${file} could not write what it was given (${reason})`, {
    hint:
      'see the kernel log (dmesg) for what is wrong with the disk, or whether the storage behind it is full; ' +
      'then run the same command ' +
      'again, which starts over. An older error that nobody has asked for is told once, too',
    cause,
  });
}

function pathOf(error: Error): string | undefined {
  return 'path' in error && typeof error.path === 'string' ? error.path : undefined;
}
