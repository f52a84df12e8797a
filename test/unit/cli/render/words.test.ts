import { expect, test } from 'vitest';
import { formatDuration } from '../../../../src/cli/render/format-duration.ts';
import { resultWords } from '../../../../src/cli/render/words.ts';
import { formatBytes } from '../../../../src/progress/format-bytes.ts';
import type { Plan, Receipt } from '../../../../src/restore/outcome/receipt.ts';

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
    overridden: [],
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
    isKept: false,
    inPlace: 'before' as const,
    started: true,
    notes: [] as string[],
  } as const;
  expect(resultWords(result)).toMatch(/^rolled back: \/data on volume shop_db/);
  expect(resultWords(result)).toMatch(/, and service db is started$/);
  expect(resultWords({ ...result, rolledBack: false })).toMatch(/^nothing to roll back.*, and service db is started$/);
  expect(resultWords({ ...result, rolledBack: false, started: false })).toMatch(
    /^nothing to roll back.* of a restore$/,
  );
  const kept = resultWords({ ...result, isKept: true, answers: true, notes: ['n'] });
  expect(kept).toMatch(
    /is started and answers\nnote: what was in place is kept: odo rollback .* odo clean .*\nnote: n$/,
  );
  expect(resultWords({ ...result, inPlace: 'restored' })).toMatch(/^rolled back: .* holds what was restored/);
});

test('what following came to is how far the server got, and how to go on', () => {
  const result = {
    kind: 'following',
    volume: 'shop_db',
    service: 'db',
    dataDirectory: '/data',
    ended: 'told',
    replayLsn: '0/5000000',
    walSegments: 3,
    readBytes: 2048,
    notes: ['the same command goes on'],
  } as const;
  const words = resultWords({ ...result, notes: [...result.notes] }).split('\n');
  expect(words).toEqual([
    'following has ended',
    '  volume       shop_db, service db',
    '  fetched      3 WAL segments, from 2.0 KiB',
    '  replayed to  0/5000000',
    'note: the same command goes on',
  ]);
  expect(resultWords({ ...result, ended: 'promoted', notes: [] })).toMatch(
    /^following has ended: the server is promoted\n/,
  );
});
