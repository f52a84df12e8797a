import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  parseManifest,
  readManifestSummary,
  sumManifestSizes,
} from '../../../../src/postgres/files/backup-manifest.ts';

function manifestOf(server: string): string {
  return readFileSync(
    new URL(`../../../fixtures/basebackup/backups/${server}/20251024T100000/backup_manifest`, import.meta.url),
    'utf8',
  );
}

describe.each([
  ['pg15', 1],
  ['pg17', 2],
] as const)('a manifest of %s', (server, version) => {
  const text = manifestOf(server);

  it('is summed up from its two ends', () => {
    const summary = readManifestSummary(Buffer.from(text).subarray(0, 200), Buffer.from(text).subarray(-400));
    expect(summary).toEqual({
      version,
      ...(version === 2 ? { systemIdentifier: expect.stringMatching(/^\d{19}$/) } : {}),
      walRanges: [
        {
          timeline: 1,
          startLsn: expect.stringMatching(/^0\/[0-9A-F]+28$/),
          endLsn: expect.stringMatching(/^0\/[0-9A-F]+$/),
        },
      ],
      manifestChecksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    // digit by digit: as a number it would have been rounded
    if (summary.systemIdentifier) expect(text).toContain(`"System-Identifier": ${summary.systemIdentifier},`);
  });

  it('is read whole, and has its own checksum', () => {
    const { files, walRanges } = parseManifest(text);
    expect(walRanges).toHaveLength(1);
    expect(files.find(({ path }) => path === 'backup_label')).toEqual({
      path: 'backup_label',
      sizeBytes: expect.any(Number),
      checksumAlgorithm: 'CRC32C',
      checksum: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect(files.find(({ path }) => path === 'global/pg_control')?.sizeBytes).toBe(8192);
    expect(files.length).toBeGreaterThan(900);
    const sumBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(sumManifestSizes(text)).toMatchObject({ files: files.length, sumBytes });
  });

  it('is refused when a digit has changed, or its end is missing', () => {
    expect(() => parseManifest(text.replace('"Size": 8192', '"Size": 8193'))).toThrow(/its SHA256 is/);
    expect(() => parseManifest(text.slice(0, -2000))).toThrow(/cut short/);
    expect(() => readManifestSummary(text.slice(0, 200), text.slice(-400, -30))).toThrow(/not valid JSON/);
    expect(() => readManifestSummary('<?xml', text.slice(-400))).toThrow(/does not begin like one/);
  });
});

it('takes a manifest without checksums, and paths given in hexadecimal', () => {
  const path = Buffer.from('base/ü "Size": 5\n').toString('hex');
  const text = `{ "PostgreSQL-Backup-Manifest-Version": 1,
"Files": [
{ "Encoded-Path": "${path}", "Size": 3, "Last-Modified": "2026-11-21 11:14:26 GMT" },
{ "Path": "a \\"Size\\": 7", "Size": 4, "Last-Modified": "2026-11-21 11:14:26 GMT" }
],
"WAL-Ranges": [
]}`;
  expect(parseManifest(text)).toEqual({
    version: 1,
    walRanges: [],
    files: [
      { path: 'base/ü "Size": 5\n', sizeBytes: 3 },
      { path: 'a "Size": 7', sizeBytes: 4 },
    ],
  });
  expect(sumManifestSizes(text)).toEqual({ files: 2, sumBytes: 7, tablespaces: new Map() });
});
