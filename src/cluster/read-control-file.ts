import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../errors.ts';
import {
  CONTROL_FILE_BYTES,
  type PgControl,
  parsePgControl,
  readSystemIdentifier,
} from '../postgres/files/pg-control.ts';
import { CONTROL_FILE } from './base-members.ts';

const LOOKS = 10;
const PAUSE_MS = 10;

/**
 * Reads the control file of a data directory whose server may be writing it at that very moment. A file whose checksum
 * does not fit is read again. Errors are those of parsePgControl(). Source: PostgreSQL, src/common/controldata_utils.c
 * (get_controlfile).
 */
export function readControlFile(dataDirectory: string): PgControl {
  for (let look = 1; ; look++) {
    const bytes = fs.readFileSync(path.join(dataDirectory, CONTROL_FILE));
    try {
      return parsePgControl(bytes);
    } catch (error) {
      const mayBeTorn =
        error instanceof OdoError && error.code === 'dataCorrupt' && bytes.length === CONTROL_FILE_BYTES;
      if (look === LOOKS || !mayBeTorn) throw error;
      pause();
    }
  }
}

/** Reads the control file. undefined when there is none that can be read: then nothing is known of the cluster. */
export function readControl(dataDirectory: string): PgControl | undefined {
  try {
    return readControlFile(dataDirectory);
  } catch {
    return undefined;
  }
}

/**
 * The system identifier of a data directory. undefined when there is no control file, or none that is whole: then
 * nothing is known of the cluster.
 */
export function systemIdentifierIn(dataDirectory: string): string | undefined {
  for (let look = 1; look <= LOOKS; look++) {
    try {
      const bytes = fs.readFileSync(path.join(dataDirectory, CONTROL_FILE));
      const found = readSystemIdentifier(bytes);
      if (found !== undefined || bytes.length !== CONTROL_FILE_BYTES) return found;
    } catch {
      return undefined;
    }
    pause();
  }
  return undefined;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
