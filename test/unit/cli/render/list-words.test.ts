import { describe, expect, it, test } from 'vitest';
import { ageWord } from '../../../../src/cli/render/list-words.ts';
import { windowBar } from '../../../../src/cli/render/window-bar.ts';
import { resultWords } from '../../../../src/cli/render/words.ts';
import type { ListedBackup, ListReport, ShowReport } from '../../../../src/restore/proofs/catalogue.ts';
import type { TimelineWindow } from '../../../../src/wal/moments/window.ts';

function at(hour: number, minute = 0): string {
  return new Date(Date.UTC(2026, 10, 21, hour, minute)).toISOString();
}

function backup(changes: Partial<ListedBackup> = {}): ListedBackup {
  return {
    id: '20261121T020000',
    format: 'barman',
    state: 'complete',
    usable: true,
    endTime: at(2),
    ageSeconds: 3 * 3600,
    postgresMajor: 17,
    timeline: 1,
    beginLsn: '0/2000028',
    endLsn: '0/2000158',
    tablespaces: [{ oid: 16384, name: 'fast', location: '/fast' }],
    parts: [{ role: 'base', key: 'shop/base/20261121T020000/data.tar.gz', sizeBytes: 1536, layers: ['gzip'] }],
    storedBytes: 1536,
    restoredBytes: 4096,
    wal: 'archive',
    ...changes,
  };
}

const DIED = backup({ id: '20261121T030000', state: 'died', usable: false, reason: 'it has no backup.info' });
for (const key of ['endTime', 'ageSeconds', 'beginLsn', 'endLsn', 'restoredBytes'] as const) delete DIED[key];

const TIMELINES: TimelineWindow[] = [
  {
    timeline: 1,
    segments: 8,
    storedBytes: 800,
    firstSegment: '000000010000000000000001',
    firstTime: at(1),
    lastSegment: '000000010000000000000009',
    lastTime: at(10),
    stretches: [
      {
        backupId: '20261121T020000',
        fromLsn: '0/2000158',
        fromTime: at(2),
        toSegment: '000000010000000000000004',
        toLsn: '0/5000000',
        toTime: at(5),
      },
    ],
    holes: [
      {
        firstSegment: '000000010000000000000005',
        lastSegment: '000000010000000000000006',
        segments: 2,
        after: at(5),
        before: at(6),
      },
    ],
  },
  {
    timeline: 2,
    branch: { timeline: 1, switchLsn: '0/4000500', time: at(4) },
    segments: 0,
    storedBytes: 0,
    stretches: [],
    holes: [],
  },
];

function report(changes: Partial<ListReport['repositories'][number]> = {}): ListReport {
  return {
    kind: 'list',
    url: 's3://bucket',
    listedAt: at(5),
    repositories: [
      {
        server: 'shop',
        format: 'barman',
        url: 's3://bucket/shop/',
        backups: [DIED, backup()],
        wal: { segmentSizeBytes: 16 * 2 ** 20, problems: ['something odd'], unusable: [], timelines: TIMELINES },
        ...changes,
      },
    ],
  };
}

test.each([
  [59, '59 s'],
  [60, '1 min'],
  [3600, '1 h'],
  [47 * 3600, '47 h'],
  [48 * 3600, '2 d'],
])('an age of %d s is %s', (seconds, words) => {
  expect(ageWord(seconds)).toBe(words);
});

describe('the list as text', () => {
  it('has a row for each backup, the reason below those that cannot be used, and the window with its holes', () => {
    expect(resultWords(report()).split('\n')).toEqual([
      'shop: barman at s3://bucket/shop/, 2 backups, 1 of them usable',
      '',
      '  id               state     ended                 age  PG  TL  LSN                     stored   ' +
        'restored  tablespaces',
      '  20261121T030000  died      -                     -    17  1   -                       1.5 KiB  -         fast',
      '      it has no backup.info',
      '  20261121T020000  complete  2026-11-21T02:00:00Z  3 h  17  1   0/2000028 to 0/2000158  1.5 KiB  4.0 KiB   fast',
      '',
      '  can be recovered (times of WAL are those of its upload)',
      '    timeline 1: WAL 000000010000000000000001 to 000000010000000000000009, 8 segments',
      '      from the end of backup 20261121T020000 (2026-11-21T02:00:00Z, 0/2000158) to ' +
        '000000010000000000000004 (about 2026-11-21T05:00:00Z, 0/5000000)',
      '      hole: 000000010000000000000005 to 000000010000000000000006 (2 segments) missing, after about ' +
        '2026-11-21T05:00:00Z and before about 2026-11-21T06:00:00Z',
      '    timeline 2, which left timeline 1 at 0/4000500: no WAL',
      '  note: something odd',
    ]);
  });

  it('has a picture on a terminal only', () => {
    expect(resultWords(report())).not.toContain('╳');
    expect(resultWords(report(), 80)).toContain('╳');
  });

  it('calls a complete backup that lacks WAL unusable', () => {
    const reason = 'the archive lacks 000000010000000000000002';
    const words = resultWords(report({ backups: [backup({ usable: false, reason })] }));
    expect(words).toMatch(/^ {2}20261121T020000 {2}unusable/m);
    expect(words).toContain(`      ${reason}`);
  });

  it('warns when the backups are of several clusters', () => {
    const backups = [backup({ systemIdentifier: '1' }), backup({ id: 'other', systemIdentifier: '2' })];
    expect(resultWords(report({ backups }))).toContain('note: these are backups of 2 clusters (1, 2)');
  });

  it('says of sets how far they go', () => {
    const { wal: _, ...sets } = report({ format: 'basebackup' }).repositories[0] as ListReport['repositories'][number];
    expect(resultWords({ ...report(), repositories: [sets] })).toMatch(
      /each can be recovered to its own end, and to nothing later$/,
    );
  });
});

describe('the picture of the window', () => {
  it('shows backups, what can be recovered, and holes, each timeline on the same scale', () => {
    const branched: TimelineWindow = {
      ...(TIMELINES[1] as TimelineWindow),
      segments: 3,
      firstTime: at(6),
      lastTime: at(8),
      stretches: [
        {
          backupId: 'x',
          fromLsn: '0/4000500',
          fromTime: at(4),
          toSegment: '000000020000000000000006',
          toLsn: '0/7000000',
          toTime: at(8),
        },
      ],
    };
    expect(windowBar([TIMELINES[0] as TimelineWindow, branched], [DIED, backup()], 12 + 40)).toEqual([
      'timeline 1  ●━━━━━━━━━━━━━━╳╳╳╳╳╳───────────────────',
      'timeline 2            ━━━━━━━━━━━━━━━━━━━━━',
      '            2026-11-21T02:00:00Z 2026-11-21T10:00:00Z',
      '            ● end of a backup  ━ can be recovered  ╳ WAL is missing  ─ WAL that no backup leads to',
    ]);
  });

  it('shows a hole of a second, and an axis of both ends', () => {
    const [first] = TIMELINES as [TimelineWindow, TimelineWindow];
    const hole = { ...(first.holes[0] as TimelineWindow['holes'][number]), after: at(3), before: at(3) };
    const [line, axis] = windowBar([{ ...first, holes: [hole] }], [], 100);
    expect(line?.match(/╳/g)).toHaveLength(1);
    expect(axis).toBe(`            2026-11-21T02:00:00Z${' '.repeat(48)}2026-11-21T10:00:00Z`);
  });

  it('is left out without room, without any stretch, and without any time', () => {
    expect(windowBar(TIMELINES, [], 25)).toEqual([]);
    expect(windowBar([{ ...(TIMELINES[0] as TimelineWindow), stretches: [] }], [], 100)).toEqual([]);
    expect(windowBar([], [], 100)).toEqual([]);
  });
});

it('tells all of one backup', () => {
  const { restoredBytes: _, ...known } = backup({
    name: 'nightly',
    beginWal: 'A',
    endWal: 'B',
    systemIdentifier: '7',
    doubt: 'another tar may have followed',
  });
  const shown: ShowReport = {
    kind: 'show',
    url: 's3://bucket',
    shownAt: at(5),
    backup: known,
    wal: {
      source: 'archive',
      spans: [],
      segmentSizeBytes: 16 * 2 ** 20,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 3,
      storedBytes: 300,
      endSegment: '000000010000000000000004',
      endArchivedAt: at(5),
      hole: '000000010000000000000005',
    },
  };
  const [title, ...rows] = resultWords(shown).split('\n');
  expect(title).toBe('backup 20261121T020000');
  expect(rows.map((row) => row.trim().split(/ {2,}/))).toEqual([
    ['name', 'nightly'],
    ['format', 'barman'],
    ['state', 'complete'],
    ['doubt', 'another tar may have followed'],
    ['ended', '2026-11-21T02:00:00Z, 3 h ago'],
    ['PostgreSQL', '17'],
    ['system identifier', '7'],
    ['timeline', '1'],
    ['LSN', '0/2000028 to 0/2000158'],
    ['needs WAL', 'A to B'],
    ['stored', '1.5 KiB'],
    ['tablespace 16384', 'fast, at /fast'],
    ['part, base, gzip', 'shop/base/20261121T020000/data.tar.gz, 1.5 KiB'],
    [
      'can be recovered to',
      '000000010000000000000004, about 2026-11-21T05:00:00Z (3 segments, 300 B); the archive lacks ' +
        '000000010000000000000005',
    ],
  ]);
});
