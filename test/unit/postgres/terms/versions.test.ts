import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  demandKnownMajor,
  isNewerWalPage,
  majorOfPgVersionFile,
  majorOfVersionNum,
  majorOfWalPage,
} from '../../../../src/postgres/terms/versions.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';

describe('versions', () => {
  it('takes the major version of a version number', () => {
    expect(majorOfVersionNum('150004')).toBe(15);
    expect(majorOfVersionNum(180000)).toBe(18);
    expect(majorOfVersionNum(90624)).toBe(9);
    expect(() => majorOfVersionNum('15.4')).toThrow("not a PostgreSQL version number: '15.4'");
    expect(() => majorOfVersionNum(15)).toThrow(/not a PostgreSQL version number/);
  });

  it('takes the major version of PG_VERSION', () => {
    expect(majorOfPgVersionFile('15\n')).toBe(15);
    expect(majorOfPgVersionFile('9.6\n')).toBe(9);
    expect(() => majorOfPgVersionFile('')).toThrow(/not a PG_VERSION file/);
  });

  it('refuses what is newer than known by its name, and calls it no damage', () => {
    demandKnownMajor(19, 'backup b');
    expect(() => demandKnownMajor(20, 'backup b')).toThrow(
      expect.objectContaining({
        code: 'versionMismatch',
        message: expect.stringContaining('backup b is of PostgreSQL 20'),
      }),
    );
    expect(isNewerWalPage(Buffer.from([0x25, 0xd1]))).toBe(true);
    expect(isNewerWalPage(Buffer.from([0x22, 0xd1]))).toBe(false);
    expect(isNewerWalPage(Buffer.from([0x00, 0x00]))).toBe(false);
    expect(isNewerWalPage(Buffer.from('PK'))).toBe(false);
  });
});

describe.each([
  [15, 16],
  [17, 1],
  [18, 16],
  [19, 16],
])('the first WAL page of PostgreSQL %i', (major, segmentMib) => {
  const page = readFileSync(new URL(`../../../fixtures/postgres/wal_page.${major}`, import.meta.url));
  const control = readFileSync(new URL(`../../../fixtures/postgres/pg_control.${major}`, import.meta.url));

  it('tells version, cluster and segment size', () => {
    expect(majorOfWalPage(page)).toBe(major);
    expect(readWalPageHeader(page)).toEqual({
      postgresMajor: major,
      timeline: major === 18 ? 2 : 1,
      pageLsn: expect.stringMatching(/^0\/[0-9A-F]+00000$/),
      systemIdentifier: control.readBigUInt64LE(0).toString(),
      segmentSizeBytes: segmentMib * 1024 * 1024,
      blockSizeBytes: 8192,
    });
  });

  it('tells nothing without its long header, or of another magic', () => {
    const short = Buffer.from(page);
    short.writeUInt16LE(0, 2);
    expect(readWalPageHeader(short)).toBeUndefined();
    expect(readWalPageHeader(page.subarray(0, 20))).toBeUndefined();
    expect(majorOfWalPage(Buffer.from([0, 0]))).toBeUndefined();
    expect(majorOfWalPage(Buffer.alloc(0))).toBeUndefined();
  });
});
