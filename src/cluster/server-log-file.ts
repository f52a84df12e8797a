import fs from 'node:fs';
import path from 'node:path';

const TAIL_BYTES = 64 * 1024;
const TAIL_LINES = 50;

/**
 * The last lines of the log that PostgreSQL's collector writes into the data directory, as current_logfiles names it.
 * undefined when there is none that lies there. A name that leads out of the data directory is not followed.
 */
export function readServerLog(root: string): string | undefined {
  try {
    const named = fs.readFileSync(path.join(root, 'current_logfiles'), 'utf8');
    const name = /^stderr (.+)$/m.exec(named)?.[1] ?? /^(?:csvlog|jsonlog) (.+)$/m.exec(named)?.[1];
    if (name === undefined) return undefined;
    // Links could lead anywhere; the collector makes plain files.
    const file = fs.realpathSync(path.resolve(root, name));
    if (!file.startsWith(`${fs.realpathSync(root)}/`)) return undefined;
    return readTail(file).split('\n').slice(-TAIL_LINES).join('\n');
  } catch {
    return undefined;
  }
}

function readTail(file: string): string {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const { size } = fs.fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = fs.readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, read).toString('utf8');
  } finally {
    fs.closeSync(fd);
  }
}
