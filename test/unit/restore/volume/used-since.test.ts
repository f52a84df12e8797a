import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import { usedSinceExchange, useSince } from '../../../../src/restore/volume/used-since.ts';
import type { Journal } from '../../../../src/tree/exchange/journal.ts';
import type { Place } from '../../../../src/tree/places/place.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { plantTree } from '../../parts/tree-snapshot.ts';

const CONTROL = fs.readFileSync(new URL('../../../fixtures/postgres/pg_control.17', import.meta.url));
const { checkpointLsn, timeline } = parsePgControl(CONTROL);

/** Where the fixture has its checksum. */
const CRC_AT = 288;

/** In the order of DBState. */
const STATE = { 'shut down': 1, 'shut down in recovery': 2, 'in archive recovery': 5, 'in production': 6 } as const;

function place(files: readonly string[], state: keyof typeof STATE = 'in production'): Place {
  const root = scratchDirectory();
  plantTree(root, { PG_VERSION: '17\n', 'global/': '', ...Object.fromEntries(files.map((name) => [name, ''])) });
  const control = Buffer.from(CONTROL);
  control.writeUInt32LE(STATE[state], 16);
  control.writeUInt32LE(crc32c(control, 0, CRC_AT), CRC_AT);
  fs.writeFileSync(path.join(root, 'global/pg_control'), control);
  return { root, odoDir: path.join(root, '.odo') };
}

function journal(changes: Partial<Journal> = {}): Journal {
  return {
    version: 1,
    state: 'swapped',
    backupId: 'b',
    startedAt: '',
    places: [],
    stagedCheckpointLsn: '0/1',
    ...changes,
  };
}

it('is used without a signal file, and when that was seen once', () => {
  expect(usedSinceExchange(place([]), journal())).toBe(true);
  expect(usedSinceExchange(place(['standby.signal'], 'in archive recovery'), journal({ finished: { at: '' } }))).toBe(
    true,
  );
  expect(usedSinceExchange(place([]), journal({ state: 'staged' }))).toBe(false);
  expect(usedSinceExchange(place([]), undefined)).toBe(false);
});

it('is not used while its server recovers, nor before one has started on it', () => {
  expect(usedSinceExchange(place(['recovery.signal'], 'in archive recovery'), journal())).toBe(false);
  expect(usedSinceExchange(place(['recovery.signal'], 'shut down in recovery'), journal())).toBe(false);
  expect(usedSinceExchange(place(['recovery.signal']), journal({ stagedCheckpointLsn: checkpointLsn }))).toBe(false);
});

it.each(['in production', 'shut down'] as const)(
  'is used when its server was %s, whatever signal file lies there by now',
  (state) => {
    expect(usedSinceExchange(place(['recovery.signal'], state), journal())).toBe(true);
  },
);

it('is used when it is on a timeline that its recovery could not lead to, unless it follows a primary', () => {
  const waits = { target: 'x', keepPrevious: false, ownWordOnArchiving: false, keepArchiving: false };
  const recovering = place(['standby.signal'], 'in archive recovery');
  expect(usedSinceExchange(recovering, journal({ lastTimeline: timeline - 1 }))).toBe(true);
  expect(usedSinceExchange(recovering, journal({ lastTimeline: timeline }))).toBe(false);
  const follows = { lastTimeline: timeline - 1, awaitsPromotion: { ...waits, isStandby: true } };
  expect(usedSinceExchange(recovering, journal(follows))).toBe(false);
});

describe('with a mark in the signal file that was exchanged in', () => {
  const mark = 'odo: restored from backup b\n';
  const marked = journal({ signalMark: mark, lastTimeline: timeline - 1 });
  const signal = ({ root }: Place, name: string, text: string) => fs.writeFileSync(path.join(root, name), text);

  it('is not used as long as the mark is there, whatever else speaks for it', () => {
    const recovering = place([], 'in production');
    signal(recovering, 'recovery.signal', mark);
    expect(usedSinceExchange(recovering, marked)).toBe(false);
    signal(recovering, 'standby.signal', '');
    expect(usedSinceExchange(recovering, marked)).toBe(false);
  });

  it('is used when another signal file lies there, as after the promotion of what is a standby again', () => {
    const again = place(['standby.signal'], 'in archive recovery');
    const waits = {
      target: 'x',
      isStandby: true,
      keepPrevious: false,
      ownWordOnArchiving: false,
      keepArchiving: false,
    };
    expect(usedSinceExchange(again, { ...marked, awaitsPromotion: waits })).toBe(true);
    signal(again, 'standby.signal', mark.replace('backup b', 'backup c'));
    expect(usedSinceExchange(again, marked)).toBe(true);
  });

  it('is used once there is none, or when that was seen', () => {
    const finished = place([]);
    expect(usedSinceExchange(finished, marked)).toBe(true);
    signal(finished, 'standby.signal', mark);
    expect(usedSinceExchange(finished, { ...marked, finished: { at: '' } })).toBe(true);
  });
});

it('tells how much was written since it was finished', () => {
  const lsn = `0/${(Number.parseInt(checkpointLsn.split('/')[1] ?? '', 16) - 4096).toString(16).toUpperCase()}`;
  const finished = { at: '2026-01-01T00:00:00Z', timeline: 2, lsn };
  expect(useSince(place([]), journal({ finished }))).toEqual({
    finished,
    writtenBytes: 4096,
    lastCheckpointAt: expect.stringMatching(/^\d{4}-/),
  });
  expect(useSince(place([]), journal())).not.toHaveProperty('writtenBytes');
});
