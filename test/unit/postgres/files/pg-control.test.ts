import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePgControl, readSystemIdentifier } from '../../../../src/postgres/files/pg-control.ts';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import { respellLsn } from '../../../../src/postgres/terms/wal-names.ts';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));
}

describe.each([15, 17, 18, 19])('the pg_control of PostgreSQL %i', (major) => {
  it('says what pg_controldata says', () => {
    const lines = fixture(`pg_controldata.${major}.txt`).toString('utf8').split('\n');
    const said = (label: string) =>
      lines
        .find((line) => line.startsWith(`${label}:`))
        ?.slice(label.length + 1)
        .trim();
    expect(parsePgControl(fixture(`pg_control.${major}`))).toEqual({
      systemIdentifier: said('Database system identifier'),
      controlVersion: Number(said('pg_control version number')),
      catalogVersion: Number(said('Catalog version number')),
      state: said('Database cluster state'),
      checkpointLsn: respellLsn(said('Latest checkpoint location') ?? ''),
      redoLsn: respellLsn(said("Latest checkpoint's REDO location") ?? ''),
      timeline: Number(said("Latest checkpoint's TimeLineID")),
      walSegmentSizeBytes: Number(said('Bytes per WAL segment')),
      walBlockSizeBytes: Number(said('WAL block size')),
      blockSizeBytes: Number(said('Database block size')),
      relationSegmentBlocks: Number(said('Blocks per segment of large relation')),
      dataChecksumVersion: Number(said('Data page checksum version')),
      settings: {
        max_connections: Number(said('max_connections setting')),
        max_worker_processes: Number(said('max_worker_processes setting')),
        max_wal_senders: Number(said('max_wal_senders setting')),
        max_prepared_transactions: Number(said('max_prepared_xacts setting')),
        max_locks_per_transaction: Number(said('max_locks_per_xact setting')),
      },
    });
  });
});

/** The file with changes and, where a place is given, a checksum that fits what is before it. */
function changed(name: string, change: (bytes: Buffer) => void, crcAt?: number): Buffer {
  const bytes = Buffer.from(fixture(name));
  change(bytes);
  if (crcAt !== undefined) bytes.writeUInt32LE(crc32c(bytes, 0, crcAt), crcAt);
  return bytes;
}

it.each([
  [17, 136, 288],
  [18, 136, 292],
  [19, 144, 308],
])('tells up to where a PostgreSQL %i in recovery has to replay before its data is consistent', (major, at, crcAt) => {
  const bytes = changed(
    `pg_control.${major}`,
    (file) => {
      file.writeBigUInt64LE(0x1_06000028n, at);
      file.writeUInt32LE(7, at + 8);
    },
    crcAt,
  );
  expect(parsePgControl(bytes)).toMatchObject({ minRecoveryLsn: '1/6000028', minRecoveryTimeline: 7 });
  expect(parsePgControl(fixture(`pg_control.${major}`)).minRecoveryLsn).toBeUndefined();
});

describe('a pg_control that ODO does not take', () => {
  it.each([
    ['cut short', fixture('pg_control.17').subarray(0, 290), 'it has 290 bytes'],
    [
      'torn while it was copied',
      changed('pg_control.17', (bytes) => bytes.writeUInt8(77, 40)),
      'its checksum does not fit',
    ],
    ['filled with noise', changed('pg_control.17', (bytes) => bytes.fill(0x5a)), 'its checksum does not fit'],
    ['of a strange state', changed('pg_control.15', (bytes) => bytes.writeUInt32LE(99, 16), 288), 'its state is 99'],
  ])('is damaged when it is %s', (_, bytes, message) => {
    expect(() => parsePgControl(bytes)).toThrow(
      expect.objectContaining({ code: 'dataCorrupt', message: expect.stringContaining(message) }),
    );
  });

  const newer = changed('pg_control.19', (bytes) => bytes.writeUInt32LE(2003, 8), 316);
  const narrow = changed('pg_control.17', (bytes) => bytes.copyWithin(20, 24, 288).fill(0, 284), 284);
  const byReference = changed('pg_control.18', (bytes) => bytes.writeUInt8(0, 248), 292);
  const bigEndian = changed('pg_control.17', (bytes) => {
    bytes.subarray(0, 8).reverse();
    bytes.subarray(8, 288).swap32();
    bytes.writeUInt32BE(crc32c(bytes, 0, 288), 288);
  });

  it.each([
    ['of a newer version', newer, 'its layout is version 2003'],
    ['of a 32-bit server whose fields stand elsewhere', narrow, 'it was written by a 32-bit server'],
    [
      'of a 32-bit server whose fields stand where those of others do',
      byReference,
      'it was written by a 32-bit server',
    ],
    ['of a big-endian machine', bigEndian, 'it was written on a big-endian machine'],
  ])('is not called damaged when it is %s, and tells its system identifier', (_, bytes, message) => {
    expect(() => parsePgControl(bytes)).toThrow(
      expect.objectContaining({ code: 'versionMismatch', message: expect.stringContaining(message) }),
    );
    expect(readSystemIdentifier(bytes)).toMatch(/^7\d{18}$/);
  });

  it('tells no system identifier when it is damaged', () => {
    expect(readSystemIdentifier(changed('pg_control.17', (bytes) => bytes.writeUInt8(77, 40)))).toBeUndefined();
    expect(readSystemIdentifier(Buffer.alloc(100))).toBeUndefined();
  });
});
