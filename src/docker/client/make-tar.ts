const BLOCK_BYTES = 512;
/** The largest id that a field of seven octal digits holds. */
const MOST_ID = 0o7777777;

/** One member of a tar that is made in memory. */
export interface TarMember {
  /** Relative. */
  path: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  content?: Buffer;
  linkName?: string;
}

type TypeFlag = '0' | '2' | '5' | 'x';

const TYPES = { file: '0', directory: '5', symlink: '2' } as const;

/**
 * Makes a tar of a few small members, which all get one owner. A value that ustar has no room for (long names and link
 * targets, large ids) stands in a pax header before the member, so that nothing is left out. Source:
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function makeTar(members: readonly TarMember[], { uid, gid }: { uid: number; gid: number }): Buffer {
  const blocks = members.flatMap((member) => {
    const { content = Buffer.alloc(0), linkName = '' } = member;
    const name = splitName(member.path);
    const records = [
      ...(name === undefined ? [record('path', member.path)] : []),
      ...(Buffer.byteLength(linkName) > 100 ? [record('linkpath', linkName)] : []),
      ...(uid > MOST_ID ? [record('uid', String(uid))] : []),
      ...(gid > MOST_ID ? [record('gid', String(gid))] : []),
    ];
    const owner = { uid: uid > MOST_ID ? 0 : uid, gid: gid > MOST_ID ? 0 : gid };
    const extension =
      records.length === 0 ? [] : entry('x', { last: 'pax' }, 0o600, owner, '', Buffer.from(records.join('')));
    const placed = name ?? { last: 'pax' };
    return [...extension, ...entry(TYPES[member.type], placed, member.mode, owner, linkName, content)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function entry(
  type: TypeFlag,
  name: { first?: string; last: string },
  mode: number,
  owner: { uid: number; gid: number },
  linkName: string,
  content: Buffer,
): Buffer[] {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, width: number) =>
    header.write(value.toString(8).padStart(width - 1, '0'), at);
  header.write(name.last, 0);
  octal(mode & 0o7777, 100, 8);
  octal(owner.uid, 108, 8);
  octal(owner.gid, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write(`        ${type}`, 148);
  header.write(linkName, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(name.first ?? '', 345);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  header[154] = 0;
  const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
  return [header, content, padding];
}

/** Makes a pax record. It begins with its own length, whose digits count. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  for (let digits = 0; digits !== String(length).length; ) {
    digits = String(length).length;
    length = Buffer.byteLength(rest) + digits;
  }
  return `${length}${rest}`;
}

/** Parts a long name at a slash, for two fields. undefined where that is not enough. */
function splitName(path: string): { first: string; last: string } | undefined {
  if (Buffer.byteLength(path) <= 100) return { first: '', last: path };
  const parts = path.split('/');
  for (let at = parts.length - 1; at > 0; at--) {
    const first = parts.slice(0, at).join('/');
    const last = parts.slice(at).join('/');
    if (Buffer.byteLength(last) > 100) return undefined;
    if (Buffer.byteLength(first) <= 155) return { first, last };
  }
  return undefined;
}
