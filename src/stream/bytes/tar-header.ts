import type { TarEntry } from './entry.ts';

export const BLOCK_BYTES = 512;

/** The fields of one header block. */
export interface TarHeader {
  name: string;
  /** Target of a link; '' when there is none. */
  linkName: string;
  /** The mode. Like all numbers here, it is NaN when it cannot be read. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeSeconds: number;
  kind: TarKind;
}

/**
 * The kind of block behind a header: a member, or a record about the member after it. `unread` is a member of a kind
 * that ODO does not read.
 */
export type TarKind = TarEntry['type'] | 'unread' | 'pax' | 'pax-global' | 'long-name' | 'long-link';

const KINDS: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'other',
  '4': 'other',
  '5': 'directory',
  '6': 'other',
  '7': 'file',
  g: 'pax-global',
  x: 'pax',
  K: 'long-link',
  L: 'long-name',
  N: 'long-name',
};

/** Where the checksum stands in a header. */
const CHECKSUM_OFFSET = 148;
const CHECKSUM_BYTES = 8;
/** The sum of the checksum's own field, which counts as spaces. */
const SUM_OF_SPACES = CHECKSUM_BYTES * 0x20;

/**
 * Reads a header of 512 bytes at `at`. undefined for a block of zeros. Throws an Error for a block that is no header,
 * or damaged. Sources: POSIX, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format", for its magic,
 * long names and numbers in base 256.
 */
export function readTarHeader(bytes: Buffer, at: number): TarHeader | undefined {
  const sum = checksumOf(bytes, at);
  if (sum === SUM_OF_SPACES) return undefined;
  if (sum !== readNumber(bytes, at + CHECKSUM_OFFSET, CHECKSUM_BYTES)) throw new Error('wrong checksum of a header');
  const magic = bytes.toString('latin1', at + 257, at + 265);
  const isPosix = magic.startsWith('ustar\0');
  if (!isPosix && magic !== 'ustar  \0') throw new Error('unknown format of a header');
  const prefix = isPosix ? readText(bytes, at + 345, 155) : '';
  const name = readText(bytes, at, 100);
  const flag = String.fromCharCode(bytes[at + 156] ?? 0);
  // Before POSIX, only a slash at the end of the name made a directory.
  const kind = (flag === '0' || flag === '\0') && name.endsWith('/') ? 'directory' : (KINDS[flag] ?? 'unread');
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: readText(bytes, at + 157, 100),
    mode: readNumber(bytes, at + 100, 8),
    uid: readNumber(bytes, at + 108, 8),
    gid: readNumber(bytes, at + 116, 8),
    sizeBytes: readNumber(bytes, at + 124, 12),
    mtimeSeconds: readNumber(bytes, at + 136, 12),
    kind,
  };
}

/** The records of a PAX extended header, `LENGTH KEY=VALUE\n` each. An Error when they are not well-formed. */
export function readPaxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString('latin1', at, Math.max(at, space));
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    const isSound =
      /^\d+$/.test(digits) && end <= bytes.length && equals > space && equals < end && bytes[end - 1] === 0x0a;
    if (!isSound) throw new Error('damaged record of an extended header');
    records.set(bytes.toString('utf8', space + 1, equals), bytes.toString('utf8', equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Text up to its NUL, or the end of its field. */
export function readText(bytes: Buffer, at: number, length: number): string {
  if (bytes[at] === 0) return '';
  const end = bytes.indexOf(0, at);
  return bytes.toString('utf8', at, end < 0 ? at + length : Math.min(end, at + length));
}

/**
 * Reads octal digits between spaces and NULs. Behind a set first bit, reads two's complement in base 256. NaN for
 * anything else.
 */
function readNumber(bytes: Buffer, at: number, length: number): number {
  const end = at + length;
  const first = bytes[at] ?? 0;
  if (first & 0x80) {
    if (first !== 0x80 && first !== 0xff) return Number.NaN;
    let value = first === 0xff ? -1 : 0;
    for (let index = at + 1; index < end; index++) value = value * 256 + (bytes[index] ?? 0);
    return value;
  }
  let index = at;
  while (index < end && isBlank(bytes[index])) index += 1;
  let value = 0;
  for (; index < end && !isBlank(bytes[index]); index++) {
    const digit = (bytes[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) return Number.NaN;
    value = value * 8 + digit;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

function checksumOf(bytes: Buffer, at: number): number {
  let sum = SUM_OF_SPACES;
  for (let index = at; index < at + CHECKSUM_OFFSET; index++) sum += bytes[index] as number;
  for (let index = at + CHECKSUM_OFFSET + CHECKSUM_BYTES; index < at + BLOCK_BYTES; index++)
    sum += bytes[index] as number;
  return sum;
}
