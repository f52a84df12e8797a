import { crc32c } from '../../../src/postgres/terms/crc32c.ts';

/** The record of CREATE TABLESPACE (operation 0) or DROP TABLESPACE (0x10), by xl_tblspc_create_rec. */
export function tablespaceRecord(oid: number, location: string, operation = 0): Buffer {
  const data = Buffer.concat([Buffer.alloc(4), Buffer.from(`${location}\0`)]);
  data.writeUInt32LE(oid);
  const bytes = Buffer.concat([Buffer.alloc(24), dataHeader(data.length), data]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes[16] = operation;
  bytes[17] = 5;
  bytes.writeUInt32LE(crc32c(bytes, 0, 20, crc32c(bytes, 24, bytes.length)), 20);
  return bytes;
}

/** XLogRecordDataHeaderShort, or XLogRecordDataHeaderLong for more than 255 bytes. */
function dataHeader(length: number): Buffer {
  if (length <= 255) return Buffer.from([255, length]);
  const header = Buffer.alloc(5);
  header[0] = 254;
  header.writeUInt32LE(length, 1);
  return header;
}
