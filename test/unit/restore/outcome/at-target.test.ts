import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Moment, RecoveryTarget } from '../../../../src/postgres/configuration/recovery-target.ts';
import { demandReached, explainTarget, isAtTarget, waitingNotes } from '../../../../src/restore/outcome/at-target.ts';
import type { Reached } from '../../../../src/restore/outcome/receipt.ts';
import type { RestoreSource } from '../../../../src/restore/proofs/prove-repository.ts';

const TIME = '2026-11-21T13:02:03.000000Z';

function source(
  moment: RestoreSource['moment'] & object = { timeline: 1, olderBackup: '20251001T000000' },
): RestoreSource {
  return { backup: { id: '20251002T000000' }, moment } as unknown as RestoreSource;
}

function moment(target: RecoveryTarget, exclusive = false): Moment {
  return { target, exclusive, action: 'promote' };
}

describe('what was reached', () => {
  const reached = (more: Partial<Reached>): Reached => ({
    timeline: 2,
    lsn: '0/5000000',
    lastCommitTime: TIME,
    ...more,
  });

  it.each<[string, Moment, Reached]>([
    ['the very time', moment({ kind: 'time', time: TIME }), reached({})],
    ['a time without any commit', moment({ kind: 'time', time: TIME }), { timeline: 2, lsn: '0/5000000' }],
    ['a position, and the record there', moment({ kind: 'lsn', lsn: '0/5000000' }), reached({})],
    ['what is before a position', moment({ kind: 'lsn', lsn: '0/5000001' }, true), reached({})],
    ['the end of the backup', moment({ kind: 'immediate' }), reached({})],
  ])('may be %s', (_what, wanted, found) => {
    expect(() => demandReached(wanted, source(), found)).not.toThrow();
  });

  it.each<[string, Moment, Reached, { lsn: string; time: string }?]>([
    [
      'later than the time',
      moment({ kind: 'time', time: TIME }),
      reached({ lastCommitTime: '2026-11-21T13:02:03.000001Z' }),
    ],
    ['at a time that is excluded', moment({ kind: 'time', time: TIME }, true), reached({})],
    ['before the position', moment({ kind: 'lsn', lsn: '0/5000001' }), reached({})],
    [
      'at the record that has to be replayed',
      moment({ kind: 'xid', xid: '7' }),
      reached({}),
      { lsn: '0/5000000', time: TIME },
    ],
    ['before the restore point', moment({ kind: 'name', name: 'x' }), reached({}), { lsn: '0/5000088', time: TIME }],
  ])('is refused %s', (_what, wanted, found, stop) => {
    const known = source(stop ? { timeline: 1, stop } : { timeline: 1 });
    expect(() => demandReached(wanted, known, found)).toThrow(
      expect.objectContaining({ code: 'recoveryFailed', message: expect.stringContaining('0/5000000') }),
    );
  });
});

describe("PostgreSQL's refusals", () => {
  const log = `the server stopped during recovery (status 1):
  2026-11-21 13:05:00.1 UTC [30] LOG:  redo done at 0/7000110
  2026-11-21 13:05:00.1 UTC [30] LOG:  last completed transaction was at log time 2026-11-21 13:01:59.5+00
  2026-11-21 13:05:00.1 UTC [30] FATAL:  recovery ended before configured recovery target was reached`;

  it('to end before the target quote the last transaction, and name the older backup', () => {
    const error = explainTarget(new OdoError('recoveryFailed', log), moment({ kind: 'name', name: 'x' }), source());
    expect(error.report()).toMatchObject({
      code: 'recoveryFailed',
      message:
        'recovery came to the end of the WAL before restore point x was reached: the last transaction that ' +
        'was replayed is of 2026-11-21 13:01:59.5+00',
      hint: expect.stringContaining('--backup 20251001T000000'),
    });
  });

  it('to end before what the archive is known to hold point at damage', () => {
    const stop = { lsn: '0/8000028', time: TIME };
    const known = source({ timeline: 1, stop });
    expect(
      explainTarget(new OdoError('recoveryFailed', log), moment({ kind: 'xid', xid: '7' }), known).message,
    ).toMatch(/the archive has it at 0\/8000028, so WAL before that is damaged/);
  });

  it('to stop before the backup is consistent are told as that', () => {
    const error = new OdoError(
      'recoveryFailed',
      'FATAL:  requested recovery stop point is before consistent recovery point',
    );
    expect(explainTarget(error, moment({ kind: 'time', time: TIME }), source()).report()).toMatchObject({
      message: '2026-11-21T13:02:03Z lies before the moment at which backup 20251002T000000 is consistent',
      hint: expect.stringContaining('--backup 20251001T000000'),
    });
  });

  it('of other kinds stay as they are', () => {
    for (const error of [new OdoError('recoveryFailed', 'PANIC: something else'), new OdoError('cancelled', log)]) {
      expect(explainTarget(error, moment({ kind: 'immediate' }), source())).toBe(error);
    }
  });
});

it('says how to look around and how to go on, with the names as they were given', () => {
  const serviceRef = {
    volume: 'db',
    service: 'db',
    composeFiles: ['a b.yaml', 'c.yaml'],
    image: 'odo:x',
    projectName: 'shop',
  };
  const paused = waitingNotes({ serviceRef }, 'paused').join('\n');
  expect(paused).toContain("docker compose -f 'a b.yaml' -f c.yaml --project-name shop exec -u postgres db psql");
  expect(paused).toContain("odo promote -v db -n db -f 'a b.yaml' -f c.yaml --project-name shop");
  expect(paused).toContain("odo rollback -v db -n db -f 'a b.yaml' -f c.yaml --project-name shop");
  expect(waitingNotes({ serviceRef }, 'shut down').join('\n')).toContain('start db');
});

describe('whether a paused server can be at its target', () => {
  const at = (replayLsn?: string) => ({
    inRecovery: true,
    replayPaused: true,
    ...(replayLsn === undefined ? {} : { replayLsn }),
  });
  const stopAt = (lsn: string) => source({ timeline: 1, stop: { lsn, time: TIME } });

  it('cannot be told without a position, or when nobody knows where the target lies', () => {
    expect(isAtTarget(moment({ kind: 'lsn', lsn: '0/5000000' }), source())(at())).toBeUndefined();
    expect(isAtTarget(moment({ kind: 'name', name: 'x' }), source())(at('0/5000000'))).toBeUndefined();
    expect(isAtTarget(moment({ kind: 'immediate' }), source())(at('0/5000000'))).toBeUndefined();
  });

  it('is so from the record on that a transaction or a restore point ends with, which has to be replayed', () => {
    for (const target of [
      { kind: 'xid', xid: '7' },
      { kind: 'name', name: 'x' },
    ] as const) {
      const isThere = isAtTarget(moment(target), stopAt('0/5000100'));
      expect([isThere(at('0/5000100')), isThere(at('0/5000140'))], target.kind).toEqual([false, true]);
      // Excluded, it is enough to have come to it.
      expect(isAtTarget(moment(target, true), stopAt('0/5000100'))(at('0/5000100')), target.kind).toBe(true);
    }
  });

  it('is so for a position or a time from there on, where a page’s header may lie in between', () => {
    for (const target of [
      { kind: 'lsn', lsn: '0/5002000' },
      { kind: 'time', time: TIME },
    ] as const) {
      const isThere = isAtTarget(moment(target), stopAt('0/5002000'));
      expect([isThere(at('0/5001FC0')), isThere(at('0/5001FBF')), isThere(at('0/6000000'))], target.kind).toEqual([
        true,
        false,
        true,
      ]);
    }
  });

  it('goes by the position that was asked for, wherever a search has stopped', () => {
    const isThere = isAtTarget(moment({ kind: 'lsn', lsn: '0/5000000' }), stopAt('0/9000000'));
    expect(isThere(at('0/5000000'))).toBe(true);
  });
});
