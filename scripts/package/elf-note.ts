// The layout is that of the System V ABI, chapters "ELF Header", "Program Header" and "Note Section":
// https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html

/** The numbers of the fields that are read or written here. */
const AT = { type: 16, tableOffset: 32, entryBytes: 54, entries: 56 } as const;
const ENTRY = { type: 0, flags: 4, offset: 8, address: 16, physical: 24, fileBytes: 32, memoryBytes: 40, align: 48 };
const LOAD = 1;
const NOTE = 4;
const TABLE = 6;
const READABLE = 4;
const PAGE_BYTES = 0x1000;

/**
 * A copy of a Linux program (ELF, 64 bits, little endian) that carries one more note, which is in memory while it runs.
 * The note goes behind all there is, in a segment of its own, and nothing else moves but the table of the segments: it
 * has no room to grow where it is, so it goes there too.
 * @param name as `dl_iterate_phdr` users look for it
 */
export function withNote(program: Buffer, name: string, content: Uint8Array): Buffer {
  if (program.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('not a program for 64-bit Linux');
  const entryBytes = program.readUInt16LE(AT.entryBytes);
  const entries = program.readUInt16LE(AT.entries);
  const tableOffset = Number(program.readBigUInt64LE(AT.tableOffset));
  const oldTable = program.subarray(tableOffset, tableOffset + entries * entryBytes);

  // Older kernels take the distance between file and memory from the first segment, wherever the table lies. So it is
  // the same here; and the place has to be behind all that the program has in memory.
  const base = firstLoad(oldTable, entryBytes);
  const offset =
    Math.ceil(Math.max(program.length, Number(lastEnd(oldTable, entryBytes) - base)) / PAGE_BYTES) * PAGE_BYTES;
  const table = Buffer.concat([oldTable, Buffer.alloc(2 * entryBytes)]);
  const note = noteOf(name, content);
  const segment = Buffer.concat([table, Buffer.alloc(-table.length & 15), note]);
  const noteOffset = offset + segment.length - note.length;

  place(table, entries * entryBytes, { type: LOAD, offset, base, bytes: segment.length, align: PAGE_BYTES });
  place(table, (entries + 1) * entryBytes, { type: NOTE, offset: noteOffset, base, bytes: note.length, align: 4 });
  for (let at = 0; at < oldTable.length; at += entryBytes) {
    if (table.readUInt32LE(at) === TABLE)
      place(table, at, { type: TABLE, offset, base, bytes: table.length, align: 8 });
  }
  table.copy(segment);

  const header = Buffer.from(program.subarray(0, 64));
  header.writeBigUInt64LE(BigInt(offset), AT.tableOffset);
  header.writeUInt16LE(entries + 2, AT.entries);
  return Buffer.concat([header, program.subarray(64), Buffer.alloc(offset - program.length), segment]);
}

/** Where the beginning of the file is in memory. */
function firstLoad(table: Buffer, entryBytes: number): bigint {
  for (let at = 0; at < table.length; at += entryBytes) {
    if (table.readUInt32LE(at) !== LOAD) continue;
    return table.readBigUInt64LE(at + ENTRY.address) - table.readBigUInt64LE(at + ENTRY.offset);
  }
  throw new Error('nothing of the program is loaded');
}

/** Where the last segment ends in memory. */
function lastEnd(table: Buffer, entryBytes: number): bigint {
  let last = 0n;
  for (let at = 0; at < table.length; at += entryBytes) {
    if (table.readUInt32LE(at) !== LOAD) continue;
    const end = table.readBigUInt64LE(at + ENTRY.address) + table.readBigUInt64LE(at + ENTRY.memoryBytes);
    if (end > last) last = end;
  }
  return last;
}

function place(
  table: Buffer,
  at: number,
  segment: { type: number; offset: number; base: bigint; bytes: number; align: number },
): void {
  const { type, offset, base, bytes, align } = segment;
  table.writeUInt32LE(type, at + ENTRY.type);
  table.writeUInt32LE(READABLE, at + ENTRY.flags);
  table.writeBigUInt64LE(BigInt(offset), at + ENTRY.offset);
  for (const field of [ENTRY.address, ENTRY.physical]) table.writeBigUInt64LE(base + BigInt(offset), at + field);
  for (const field of [ENTRY.fileBytes, ENTRY.memoryBytes]) table.writeBigUInt64LE(BigInt(bytes), at + field);
  table.writeBigUInt64LE(BigInt(align), at + ENTRY.align);
}

/** The name counts with its zero byte; it and the content are filled up to whole words. */
function noteOf(name: string, content: Uint8Array): Buffer {
  const named = Buffer.from(`${name}\0`, 'latin1');
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(named.length, 0);
  sizes.writeUInt32LE(content.length, 4);
  return Buffer.concat([sizes, named, Buffer.alloc(-named.length & 3), content, Buffer.alloc(-content.length & 3)]);
}
