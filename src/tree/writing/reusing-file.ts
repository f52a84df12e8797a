import fs from 'node:fs';

/** One file being written. */
export interface FileWriter {
  /** Bytes that were there already, and were not written again. */
  readonly reusedBytes: number;
  /** Takes the next bytes of the content. */
  write(chunk: Buffer): void;
  /** Makes the file end where the content does. */
  end(): void;
  readonly fd: number;
}

/** Writes everything. */
export function writeAnew(fd: number): FileWriter {
  return {
    fd,
    reusedBytes: 0,
    write: (chunk) => writeAll(fd, chunk, null),
    end: () => undefined,
  };
}

/**
 * Writes only what differs. As long as the file holds the very bytes that come, they are read and compared. From the
 * first difference on, they are written. So a file of an interrupted run is used without trusting any notes about it.
 */
export function writeWhatDiffers(fd: number): FileWriter {
  let position = 0;
  let reusedBytes = 0;
  let same = true;
  let scratch = Buffer.allocUnsafe(0);
  return {
    fd,
    get reusedBytes() {
      return reusedBytes;
    },
    write(chunk) {
      if (same) {
        if (scratch.length < chunk.length) scratch = Buffer.allocUnsafe(chunk.length);
        const got = readAll(fd, scratch.subarray(0, chunk.length), position);
        same = got === chunk.length && chunk.equals(scratch.subarray(0, got));
      }
      if (same) reusedBytes += chunk.length;
      else writeAll(fd, chunk, position);
      position += chunk.length;
    },
    end() {
      if (fs.fstatSync(fd).size > position) fs.ftruncateSync(fd, position);
    },
  };
}

function writeAll(fd: number, chunk: Buffer, position: number | null): void {
  for (let done = 0; done < chunk.length; ) {
    done += fs.writeSync(fd, chunk, done, chunk.length - done, position === null ? null : position + done);
  }
}

function readAll(fd: number, into: Buffer, position: number): number {
  let done = 0;
  while (done < into.length) {
    const got = fs.readSync(fd, into, done, into.length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}
