import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader, type WalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import { checkSegment, type ExpectedSegment } from '../../../../src/wal/archive/check-segment.ts';

describe.each([15, 17, 18, 19])('a segment of PostgreSQL %i', (major) => {
  const page = readFileSync(new URL(`../../../fixtures/postgres/wal_page.${major}`, import.meta.url));
  const header = readWalPageHeader(page) as WalPageHeader;
  const { segmentSizeBytes, systemIdentifier, timeline } = header;
  const segmentNumber = Number(parseLsn(header.pageLsn) / BigInt(segmentSizeBytes));
  const expected: ExpectedSegment = {
    name: formatSegmentName({ timeline, segmentNumber }, segmentSizeBytes),
    segmentSizeBytes,
    postgresMajor: major,
    systemIdentifier,
    isFirstOfTimeline: false,
  };

  function check(
    content: Buffer,
    wanted: ExpectedSegment = expected,
    restBytes = segmentSizeBytes - content.length,
  ): void {
    const segment = checkSegment('s3://bucket/wals/segment', wanted);
    for (let at = 0; at < content.length; at += 13) segment.update(content.subarray(at, at + 13));
    segment.update(Buffer.alloc(restBytes));
    segment.end();
  }

  it('is accepted, also when less is known of it', () => {
    check(page);
    check(page, { ...expected, postgresMajor: undefined, systemIdentifier: undefined });
  });

  it.each([
    ['version', 0, /of another version|does not begin like/],
    ['kind of page', 2, /does not begin like/],
    ['timeline', 4, /timeline/],
    ['address', 11, /place in the WAL/],
    ['cluster', 25, /cluster/],
    ['segment size', 33, /segment size/],
    ['page size', 36, /page size/],
  ])('is refused with another %s', (_what, offset, message) => {
    const changed = Buffer.from(page);
    changed[offset] = (changed[offset] as number) ^ 0x02;
    expect(() => check(changed)).toThrow(
      expect.objectContaining({ code: 'dataCorrupt', message: expect.stringMatching(message) }),
    );
    expect(() => check(changed)).toThrow('s3://bucket/wals/segment');
  });

  it.each([
    ['GnuPG', Buffer.from([0x85, 0x02, 0x0c])],
    ['age', Buffer.from('age-encryption.org/v1')],
    ['OpenSSL', Buffer.from('Salted__')],
  ])('is refused as encrypted by %s under a plain name', (tool, beginning) => {
    const encrypted = Buffer.concat([beginning, page.subarray(beginning.length)]);
    expect(() => check(encrypted)).toThrow(`is encrypted (${tool}), which ODO does not read`);
  });

  it('is refused when it is too long, as soon as it is, or too short', () => {
    expect(() => check(page, expected, segmentSizeBytes - page.length + 1)).toThrow('more than');
    expect(() => check(page, expected, segmentSizeBytes - page.length - 1)).toThrow(`${segmentSizeBytes - 1} bytes`);
    expect(() => check(page.subarray(0, 20), expected, 0)).toThrow('20 bytes');
  });

  it('is called newer, not damaged, when its version is', () => {
    const newer = Buffer.from(page);
    newer.writeUInt16LE(0xd130, 0);
    expect(() => check(newer)).toThrow(
      expect.objectContaining({
        code: 'versionMismatch',
        message: expect.stringContaining('of a PostgreSQL newer than 19'),
      }),
    );
  });

  it('may begin on an earlier timeline only where its own begins', () => {
    const later = { ...expected, name: formatSegmentName({ timeline: timeline + 1, segmentNumber }, segmentSizeBytes) };
    check(page, { ...later, isFirstOfTimeline: true });
    expect(() => check(page, later)).toThrow('timeline');
    const earlier = Buffer.from(page);
    earlier.writeUInt32LE(timeline + 1, 4);
    expect(() => check(earlier, { ...expected, isFirstOfTimeline: true })).toThrow('timeline');
  });
});
