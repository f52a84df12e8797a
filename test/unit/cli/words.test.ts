import { describe, expect, it, test } from 'vitest';
import { formatDuration, progressWords, resultWords } from '../../../src/cli/words.ts';
import { formatBytes } from '../../../src/restore/format-bytes.ts';
import type { Plan, Receipt } from '../../../src/restore/receipt.ts';

test.each([
  [0, '0.0 s'],
  [850, '0.9 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 0 s'],
  [83_000, '1 min 23 s'],
  [3_599_400, '59 min 59 s'],
  [3_599_960, '1 h 0 min'],
  [9_000_000, '2 h 30 min'],
])('%d ms are %s', (elapsedMs, words) => {
  expect(formatDuration(elapsedMs)).toBe(words);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [150 * 1024, '150 KiB'],
  [5 * 2 ** 40, '5.0 TiB'],
])('%d bytes are %s', (bytes, words) => {
  expect(formatBytes(bytes)).toBe(words);
});

describe('progress', () => {
  it('tells how far it is, how fast, and how long it will take at that rate', () => {
    const words = progressWords(
      { phase: 'lay-down', readBytes: 2 ** 20, totalBytes: 4 * 2 ** 20, writtenBytes: 8 * 2 ** 20 },
      2000,
    );
    expect(words).toBe('1.0 MiB of 4.0 MiB (25 %) read, 8.0 MiB written, 4.0 MiB/s, 6.0 s left');
  });

  it('does without what is not known, and without nonsense at its very beginning and end', () => {
    expect(progressWords({ phase: 'lay-down', readBytes: 1024 }, 1000)).toBe('1.0 KiB read');
    const begin = progressWords({ phase: 'lay-down', readBytes: 0, totalBytes: 0, writtenBytes: 0 }, 0);
    const end = progressWords({ phase: 'lay-down', readBytes: 10, totalBytes: 10 }, 1000);
    expect(`${begin} ${end}`).not.toMatch(/NaN|Infinity|left/);
    expect(end).toContain('100 %');
  });

  it('tells of segments and of the replay', () => {
    expect(progressWords({ phase: 'wal', segments: 3, totalSegments: 9 }, 1)).toBe('3 of 9 segments');
    const replay = { phase: 'recover', replayLsn: '0/3000000', replayTime: '2026-01-01T00:00:00Z' } as const;
    expect(progressWords(replay, 1)).toBe('replayed to 0/3000000, last commit 2026-01-01T00:00:00Z');
  });
});

const BACKUP = {
  id: '20260101T000000',
  format: 'barman',
  endTime: '2026-01-01T00:01:00Z',
  beginWal: '000000010000000000000002',
} as const;

const PLAN: Plan = {
  kind: 'plan',
  backup: BACKUP,
  wal: {
    source: 'archive',
    spans: [],
    segmentSizeBytes: 1,
    recoveryTargetTimeline: 'latest',
    histories: [],
    segments: 7,
    storedBytes: 1,
    endSegment: '000000010000000000000008',
  },
  dataDirectory: '/var/lib/postgresql/data',
  tablespaces: [{ oid: 16387, location: '/mnt/fast' }],
  volume: 'shop_db',
  service: 'db',
  owner: { uid: 999, gid: 998 },
  steps: ['stop', 'go'],
  proofs: [],
};

test('a plan shows what goes where, and its steps in order', () => {
  const words = resultWords(PLAN);
  for (const expected of [
    '20260101T000000',
    '2026-01-01T00:01:00Z',
    '000000010000000000000002 to 000000010000000000000008 (7 segments)',
  ]) {
    expect(words).toContain(expected);
  }
  for (const expected of ['on volume shop_db, service db', '999:998', 'tablespace 16387', '/mnt/fast'])
    expect(words).toContain(expected);
  expect(words).toMatch(/1\. stop\n.*2\. go/);
});

const RECEIPT: Receipt = {
  kind: 'receipt',
  odoVersion: '0',
  startedAt: '2026-01-02T00:00:00Z',
  finishedAt: '2026-01-02T00:01:00Z',
  backup: BACKUP,
  dataDirectory: '/srv/pg',
  laidDown: {
    readBytes: 1024,
    writtenBytes: 2048,
    files: 3,
    walSegments: 4,
    reusedBytes: 0,
    reusedParts: 0,
    reusedSegments: 0,
    peakMemoryBytes: 100 * 2 ** 20,
  },
  phases: [
    { phase: 'prove', elapsedMs: 900 },
    { phase: 'swap', elapsedMs: 100 },
  ],
  notes: ['start a server'],
};

test('a receipt of a directory claims no promotion, and tells what to do next', () => {
  const words = resultWords(RECEIPT);
  expect(words.split('\n')[0]).toBe('restored');
  expect(words).not.toMatch(/undefined|timeline|downtime|volume/);
  expect(words).toContain('note: start a server');
  expect(words).toMatch(/2\.0 KiB in 3 files, 4 WAL segments, from 1\.0 KiB/);
  expect(words).toContain('prove 0.9 s, swap 0.1 s');
});

test('a receipt of a service tells how far the server got and how long it was down', () => {
  const words = resultWords({
    ...RECEIPT,
    volume: 'shop_db',
    service: 'db',
    downtimeMs: 83_000,
    reached: { timeline: 2, lsn: '0/5000000' },
  });
  expect(words.split('\n')[0]).toBe('restored and promoted');
  expect(words).toMatch(/timeline +2\n/);
  expect(words).toMatch(/replayed to +0\/5000000\n/);
  expect(words).toMatch(/last commit +none was replayed\n/);
  expect(words).toMatch(/downtime +1 min 23 s\n/);
});

test('a rollback tells whether it had anything to put back', () => {
  const result = {
    kind: 'rollback',
    volume: 'shop_db',
    service: 'db',
    dataDirectory: '/data',
    rolledBack: true,
    started: true,
  } as const;
  expect(resultWords(result)).toMatch(/^rolled back: \/data on volume shop_db/);
  expect(resultWords(result)).toMatch(/, and service db is started$/);
  expect(resultWords({ ...result, rolledBack: false })).toMatch(/^nothing to roll back.*, and service db is started$/);
  expect(resultWords({ ...result, rolledBack: false, started: false })).toMatch(/^nothing to roll back.* of a restore$/);
});
