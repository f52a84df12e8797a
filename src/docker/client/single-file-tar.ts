const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const SIZE_AT = 124;
const TYPE_AT = 156;

/**
 * The text of the first regular file of a small tar held in memory, as the engine hands out one file of a container;
 * undefined when it holds none (a link, for one). Source:
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
export function readFileFromTar(tar: Buffer): string | undefined {
  let at = 0;
  while (at + BLOCK_BYTES <= tar.length && tar[at] !== 0) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    const sizeBytes = Number.parseInt(
      header
        .toString('latin1', SIZE_AT, SIZE_AT + 12)
        .replace(/\0.*$/, '')
        .trim() || '0',
      8,
    );
    const type = String.fromCharCode(header[TYPE_AT] ?? 0);
    const start = at + BLOCK_BYTES;
    if ((type === '0' || type === '\0') && header.indexOf(0) <= NAME_BYTES)
      return tar.toString('utf8', start, start + sizeBytes);
    // Headers of extended attributes come before the file they belong to.
    at = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return undefined;
}
