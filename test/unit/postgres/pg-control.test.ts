import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../src/postgres/pg-control.ts';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/postgres/${name}`, import.meta.url));
}

describe.each([15, 17, 18])('the pg_control of PostgreSQL %i', (major) => {
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
      checkpointLsn: said('Latest checkpoint location'),
      redoLsn: said("Latest checkpoint's REDO location"),
      timeline: Number(said("Latest checkpoint's TimeLineID")),
      walSegmentSizeBytes: Number(said('Bytes per WAL segment')),
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

it('refuses what it cannot read', () => {
  const bytes = fixture('pg_control.15');
  expect(() => parsePgControl(bytes.subarray(0, 100))).toThrow('it has 100 bytes');
  const swapped = Buffer.from(bytes);
  swapped.writeUInt32BE(1300, 8);
  expect(() => parsePgControl(swapped)).toThrow(/its layout is version/);
  const strange = Buffer.from(bytes);
  strange.writeUInt32LE(99, 16);
  expect(() => parsePgControl(strange)).toThrow('its state is 99');
});
