import { expect, it } from 'vitest';
import { parseBackupLabel, parseServerTime } from '../../../../src/postgres/files/backup-label.ts';

// written by pg_basebackup --incremental of PostgreSQL 17 with segments of 1 MiB
const INCREMENTAL = `START WAL LOCATION: 0/B00028 (file 00000001000000000000000B)
CHECKPOINT LOCATION: 0/B00080
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 11:14:26 UTC
LABEL: pg_basebackup base: backup
START TIMELINE: 1
INCREMENTAL FROM LSN: 0/900028
INCREMENTAL FROM TLI: 1
`;

it('reads all lines', () => {
  expect(parseBackupLabel(INCREMENTAL)).toEqual({
    startLsn: '0/B00028',
    startWal: '00000001000000000000000B',
    checkpointLsn: '0/B00080',
    method: 'streamed',
    from: 'primary',
    startTime: '2026-11-21T11:14:26.000Z',
    label: 'pg_basebackup base: backup',
    startTimeline: 1,
    incrementalFrom: { lsn: '0/900028', timeline: 1 },
  });
});

it('does with the first line alone, and not without it', () => {
  expect(parseBackupLabel('START WAL LOCATION: 0/B00028 (file 00000001000000000000000B)\n')).toEqual({
    startLsn: '0/B00028',
    startWal: '00000001000000000000000B',
  });
  expect(() => parseBackupLabel('LABEL: x\n')).toThrow('no readable START WAL LOCATION');
  expect(() => parseBackupLabel('START WAL LOCATION: 0/B00028 (file 0000000100000)\n')).toThrow(
    'no readable START WAL LOCATION',
  );
});

it.each([
  ['2025-10-24 02:26:08 UTC', '2025-10-24T02:26:08.000Z'],
  ['2025-10-24 02:26:08 GMT', '2025-10-24T02:26:08.000Z'],
  ['2025-10-24 02:26:08 +02', '2025-10-24T00:26:08.000Z'],
  ['2025-10-24 02:26:08 -0330', '2025-10-24T05:56:08.000Z'],
  ['2025-10-24 02:26:08.217166+05:30', '2025-10-23T20:56:08.217Z'],
  // an abbreviation names no offset: taken as UTC
  ['2025-10-24 02:26:08 CEST', '2025-10-24T02:26:08.000Z'],
])('reads the time %s', (text, iso) => {
  expect(parseServerTime(text)).toBe(iso);
});

it.each(['', 'yesterday', '2025-13-45 02:26:08 UTC', '2025-10-24'])('does not take %j for a time', (text) => {
  expect(parseServerTime(text)).toBeUndefined();
});
