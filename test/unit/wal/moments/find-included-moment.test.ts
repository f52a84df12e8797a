import { expect, it } from 'vitest';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import type { RecoveryTarget, TargetTimeline } from '../../../../src/postgres/configuration/recovery-target.ts';
import { findIncludedMoment } from '../../../../src/wal/moments/find-included-moment.ts';

function set(id: string, beginLsn: string): Backup {
  const base = { id, format: 'basebackup', state: 'complete', wal: 'included' } as const;
  return { ...base, tablespaces: [], parts: [], timeline: 1, beginLsn, endTime: '2026-11-21T10:00:00.000Z' };
}

const ENDS: Record<string, Partial<Backup>> = {
  old: { endLsn: '0/2000100', endWal: '000000010000000000000002' },
  new: { endLsn: '0/4000100', endWal: '000000010000000000000004' },
};
const SETS = [set('new', '0/4000028'), set('old', '0/2000028')];

function find(target: RecoveryTarget, timeline?: TargetTimeline, backups: Backup[] = SETS) {
  const moment = {
    target,
    exclusive: false,
    action: 'promote' as const,
    ...(timeline === undefined ? {} : { timeline }),
  };
  return findIncludedMoment({
    backups,
    named: false,
    moment,
    describe: async (backup) => ({ ...backup, ...ENDS[backup.id] }),
  });
}

it('is the end of a backup, by name or by a position between its end and the end of its WAL', async () => {
  expect(await find({ kind: 'immediate' })).toMatchObject({ backup: { id: 'new' }, wal: { source: 'included' } });
  expect(await find({ kind: 'immediate' }, undefined, SETS.slice(1))).toMatchObject({ backup: { id: 'old' } });
  expect(await find({ kind: 'lsn', lsn: '0/4000100' })).toMatchObject({
    backup: { id: 'new' },
    doubt: expect.any(String),
  });
  expect(await find({ kind: 'lsn', lsn: '0/2FFFFFF' })).toMatchObject({ backup: { id: 'old' } });
  expect(await find({ kind: 'lsn', lsn: '0/2000100' }, 1)).toMatchObject({ backup: { id: 'old' } });
});

it.each<[RecoveryTarget, TargetTimeline?]>([
  [{ kind: 'time', time: '2026-11-21T11:00:00.000000Z' }],
  [{ kind: 'xid', xid: '745' }],
  [{ kind: 'name', name: 'x' }],
  [{ kind: 'lsn', lsn: '0/20000FF' }],
  [{ kind: 'lsn', lsn: '0/3000000' }],
  [{ kind: 'lsn', lsn: '0/40000FF' }],
  [{ kind: 'lsn', lsn: '0/5000000' }],
  [{ kind: 'lsn', lsn: '0/4000100' }, 2],
  [{ kind: 'immediate' }, 2],
])('is not %j on timeline %s: nothing leads there, and the backups are named', async (target, timeline) => {
  await expect(find(target, timeline)).rejects.toMatchObject({
    code: 'targetOutOfReach',
    message: expect.stringContaining('bring their own WAL'),
    hint: expect.stringMatching(/--target immediate, with one of new .*, old/),
  });
});
