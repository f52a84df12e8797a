/**
 * A mark of 48 bits that may begin a block of a bzip2 stream, or its end. It may begin at any bit. The data in between
 * can hold the same bits.
 */
export interface Mark {
  kind: 'block' | 'end';
  /** The byte in which the mark begins. */
  byte: number;
  /** How many bits of that byte belong to the data before: 0 to 7. */
  bitsBefore: number;
}

// Source: bzip2's decompress.c, which knows the two by these numbers (the digits of π, and of its square root).
const MARKS = { block: 0x314159265359n, end: 0x177245385090n };
/** How many bytes a mark touches at most. */
export const MARK_BYTES = 7;

/** Every way in which a mark can lie in seven bytes. */
const FORMS = (['block', 'end'] as const).flatMap((kind) =>
  Array.from({ length: 8 }, (_, bitsBefore) => {
    const inSeven = (MARKS[kind] << 8n) >> BigInt(bitsBefore);
    const mask = ((1n << 48n) - 1n) << BigInt(8 - bitsBefore);
    return {
      kind,
      bitsBefore,
      inSeven,
      mask,
      byteAt: (at: number) => Number((inSeven >> BigInt(8 * (6 - at))) & 0xffn),
    };
  }),
);
/**
 * For each value of a mark's third byte, the forms that have it there, a bit for each. All bits of that byte are the
 * mark's own, wherever it begins.
 */
const THIRD = formsWith(2);
/** For each value of a mark's fourth byte, the forms that have it there. */
const FOURTH = formsWith(3);

function formsWith(at: number): Uint16Array {
  const forms = new Uint16Array(256);
  for (const [index, form] of FORMS.entries()) forms[form.byteAt(at)] = (forms[form.byteAt(at)] ?? 0) | (1 << index);
  return forms;
}

/** The first mark that begins in the byte `from` or behind it, and lies before the byte `to` as a whole. */
export function findMark(bytes: Buffer, from: number, to: number): Mark | undefined {
  let third = bytes[from + 2] ?? 0;
  for (let at = from + 3; at < to - 2; at++) {
    const fourth = bytes[at] ?? 0;
    const forms = (THIRD[third] ?? 0) & (FOURTH[fourth] ?? 0);
    third = fourth;
    if (forms === 0) continue;
    const seven = sevenBytes(bytes, at - 3, to);
    for (const [index, { kind, bitsBefore, inSeven, mask }] of FORMS.entries()) {
      if ((forms & (1 << index)) === 0 || (seven & mask) !== inSeven) continue;
      if (bitsBefore > 0 && at + 4 > to) continue;
      return { kind, byte: at - 3, bitsBefore };
    }
  }
  return undefined;
}

function sevenBytes(bytes: Buffer, at: number, to: number): bigint {
  const last = at + 6 < to ? (bytes[at + 6] ?? 0) : 0;
  return (BigInt(bytes.readUIntBE(at, 6)) << 8n) | BigInt(last);
}
