import { isUtf8 } from 'node:buffer';

// PostgreSQL reads its configuration as bytes in any encoding: Latin-1 in comments and values is common in files that
// are old. Whoever changes one line must not change the others. So a byte that is no UTF-8 becomes half a surrogate
// pair, which no proper text holds, and that byte again.

const LONE = 0xdc00;
/** With the flag u, a half that belongs to a pair is none of these. */
const LONE_HALVES = /[\udc80-\udcff]/gu;

/** The text of a configuration file; encodeConfiguration() gives the very same bytes again. JSON keeps it, too. */
export function decodeConfiguration(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOfCharacter(bytes, at);
    text += length > 0 ? bytes.toString('utf8', at, at + length) : String.fromCharCode(LONE + (bytes[at] ?? 0));
    at += Math.max(1, length);
  }
  return text;
}

/** The bytes of a text that decodeConfiguration() gave, and that may have been changed. */
export function encodeConfiguration(text: string): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { 0: half, index } of text.matchAll(LONE_HALVES)) {
    pieces.push(Buffer.from(text.slice(from, index)), Buffer.of(half.charCodeAt(0) - LONE));
    from = index + 1;
  }
  return Buffer.concat([...pieces, Buffer.from(text.slice(from))]);
}

/** Length of the character in UTF-8 that begins there; 0 when none does. */
function lengthOfCharacter(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
