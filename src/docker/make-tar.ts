const BLOCK_BYTES = 512;

/** One member of a tar that is made in memory. */
export interface TarMember {
  /** Relative. */
  path: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  content?: Buffer;
  linkName?: string;
}

const TYPES = { file: '0', directory: '5', symlink: '2' } as const;

/**
 * Makes a tar of a few small members, which all get one owner. Names and link targets that ustar has no room for are left out.
 * Source: https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
export function makeTar(members: readonly TarMember[], owner: { uid: number; gid: number }): Buffer {
  const blocks = members.flatMap((member) => {
    const { content = Buffer.alloc(0), linkName = '' } = member;
    const name = splitName(member.path);
    if (name === undefined || Buffer.byteLength(linkName) > 100) return [];
    const header = Buffer.alloc(BLOCK_BYTES);
    const octal = (value: number, at: number, width: number) => header.write(value.toString(8).padStart(width - 1, '0'), at);
    header.write(name.last, 0);
    octal(member.mode & 0o7777, 100, 8);
    octal(owner.uid, 108, 8);
    octal(owner.gid, 116, 8);
    octal(content.length, 124, 12);
    octal(0, 136, 12);
    header.write(`        ${TYPES[member.type]}`, 148);
    header.write(linkName, 157);
    header.write('ustar\x0000', 257, 'latin1');
    header.write(name.first, 345);
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      148,
      7,
    );
    header[154] = 0;
    const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
    return [header, content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** A long name goes into two fields, and is parted at a slash. */
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
