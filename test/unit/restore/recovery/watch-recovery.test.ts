import { describe, expect, it } from 'vitest';
import { asOdoError, OdoError } from '../../../../src/errors.ts';
import {
  answers,
  ENDED,
  NOT_YET,
  PROMOTED,
  playRecovery,
  RECOVERING,
  REFUSED,
  RUNNING,
  SETTINGS,
  unreachable,
} from '../../parts/recovery-bench.ts';

const control = RECOVERING.control as NonNullable<typeof RECOVERING.control>;
const withConnections = (max_connections: number) => ({
  ...RECOVERING,
  control: { ...control, settings: { ...SETTINGS, max_connections } },
});
const count = (calls: string[], name: string) => calls.filter((call) => call === name).length;
const AT_THE_END = 'LOG:  starting PostgreSQL 15.1\nLOG:  pausing at the end of recovery';
const ON_THE_WAY = 'LOG:  starting PostgreSQL 15.1\nLOG:  recovery has paused';

describe('a server that answers', () => {
  it('has recovered when it says so', async () => {
    const { outcome, events } = playRecovery([
      {},
      { answer: answers({ replayLsn: '0/4000000' }) },
      { answer: PROMOTED },
    ]);
    expect(await outcome).toEqual({ inRecovery: false, replayPaused: false, timeline: 2, replayLsn: '0/5000028' });
    expect(events.at(-1)).toMatchObject({ type: 'progress', replayLsn: '0/5000028' });
  });

  it('needs neither its files nor its log to be seen', async () => {
    const { outcome } = playRecovery([{ volume: unreachable(), log: undefined }, { answer: PROMOTED }]);
    expect(await outcome).not.toHaveProperty('unasked');
  });
});

describe('a server whose own file says that it takes no connections yet', () => {
  const { serverStatus: _, ...NO_FILE } = RECOVERING;
  const STARTING = { ...RECOVERING, serverStatus: 'starting' as const };

  it('is not asked, and is at once when that has changed', async () => {
    const { outcome, calls, timeMs } = playRecovery([
      { volume: NO_FILE, forMs: 1000 },
      { volume: STARTING, forMs: 1000 },
      { volume: ENDED, answer: PROMOTED },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false, timeline: 2 });
    expect(count(calls, 'status')).toBe(1);
    expect(timeMs()).toBeLessThan(3000);
  });

  it('is asked now and then all the same, for its own words', async () => {
    const long = playRecovery([
      { volume: STARTING, forMs: 30_000 },
      { volume: ENDED, answer: PROMOTED },
    ]);
    await long.outcome;
    expect(count(long.calls, 'status')).toBeGreaterThan(4);
    expect(count(long.calls, 'status')).toBeLessThan(8);
    const silent = playRecovery([{ volume: STARTING }], { stallTimeoutMs: 60_000 });
    await expect(silent.outcome).rejects.toThrow(/no progress for 60 s: .*the database system is starting up/);
    const refusing = playRecovery([
      { volume: STARTING, answer: REFUSED },
      { volume: ENDED, forMs: 0 },
    ]);
    expect(await refusing.outcome).toMatchObject({
      unasked: expect.stringContaining('password authentication failed'),
    });
  });

  it('may answer where the file tells nothing', async () => {
    const { outcome } = playRecovery([{ volume: NO_FILE, answer: PROMOTED }]);
    expect(await outcome).toMatchObject({ inRecovery: false });
  });
});

describe('a server that answers nothing', () => {
  it('has recovered when its files say so, and a refusal ends the waiting at once', async () => {
    const { outcome, calls, timeMs } = playRecovery([{}, { answer: REFUSED }, {}, {}, { volume: ENDED }]);
    expect(await outcome).toEqual({
      inRecovery: false,
      replayPaused: false,
      timeline: 2,
      replayLsn: '0/5000028',
      unasked: expect.stringContaining('password authentication failed'),
    });
    expect(timeMs()).toBeLessThan(2000);
    // Not at each look: once, and once more when it is out of recovery.
    expect(count(calls, 'status')).toBe(3);
  });

  it('may answer when it is out of recovery', async () => {
    const { outcome } = playRecovery([{ answer: REFUSED }, { volume: ENDED, answer: PROMOTED }]);
    expect(await outcome).not.toHaveProperty('unasked');
  });

  it('is given a while where it does not say why', async () => {
    const { outcome, timeMs } = playRecovery([
      { volume: ENDED, answer: { ready: false, refused: false, reason: 'too many clients' } },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false, unasked: 'too many clients' });
    expect(timeMs()).toBeGreaterThan(9000);
    expect(timeMs()).toBeLessThan(15_000);
  });

  it('is not out of recovery before it runs', async () => {
    const { outcome, timeMs } = playRecovery([
      { volume: { ...ENDED, serverStatus: 'starting' }, answer: REFUSED, forMs: 30_000 },
      { volume: ENDED },
    ]);
    await outcome;
    expect(timeMs()).toBeGreaterThan(29_000);
  });
});

describe('a server that stops', () => {
  it('has failed when it ended by itself, with its own words', async () => {
    const log =
      'LOG:  x\nFATAL:  WAL ends before end of online backup\nHINT:  All WAL\nFATAL:  the database system is ' +
      'starting up';
    const { outcome } = playRecovery([{}, { state: { running: false, exitCode: 1 }, log }]);
    await expect(outcome).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringMatching(/\(status 1\):\n {2}LOG: {2}x\n {2}FATAL: {2}WAL ends before.*\n {2}HINT/),
    });
  });

  it('has its words read from the log in its data directory where the other has none', async () => {
    const volume = { ...RECOVERING, log: 'FATAL:  could not open file "base/1"' };
    const { outcome } = playRecovery([
      {},
      { state: { running: false, exitCode: 1 }, log: 'redirecting log output', volume },
    ]);
    await expect(outcome).rejects.toThrow(/could not open file/);
  });

  it('is waited for when somebody else has stopped it, and is named when it does not come back', async () => {
    const back = playRecovery([
      {},
      { state: { running: false, exitCode: 0 }, forMs: 5000 },
      { state: RUNNING, answer: PROMOTED },
    ]);
    expect(await back.outcome).toMatchObject({ inRecovery: false });
    const gone = playRecovery([{}, { state: { running: false, exitCode: 0 } }]);
    await expect(gone.outcome).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringContaining('was stopped by somebody else during recovery (status 0)'),
    });
    expect(gone.timeMs()).toBeLessThan(30_000);
    const killed = playRecovery([{}, { state: { running: false, exitCode: 137, oomKilled: true } }]);
    await expect(killed.outcome).rejects.toThrow(/for want of memory/);
  });
});

describe('a server that says it was told to stop, and ends as after a crash', () => {
  const told = [
    'LOG:  received fast shutdown request',
    'LOG:  aborting any active transactions',
    'LOG:  server process (PID 75) was terminated by signal 15: Terminated',
    'LOG:  terminating any other active server processes',
    'LOG:  abnormal database system shutdown',
  ].join('\n');
  const down = { state: { running: false, exitCode: 1 }, log: told };

  it('is waited for, and named when it does not come back', async () => {
    const back = playRecovery([{}, { ...down, forMs: 5000 }, { state: RUNNING, answer: PROMOTED }]);
    expect(await back.outcome).toMatchObject({ inRecovery: false });
    const { outcome } = playRecovery([{}, down]);
    await expect(outcome).rejects.toThrow(/was stopped by somebody else during recovery \(status 1\)/);
  });

  it('has failed when it says of an end of its own besides', async () => {
    const { outcome } = playRecovery([
      {},
      { ...down, log: `LOG:  startup process (PID 27) was terminated by signal 11\n${told}` },
    ]);
    await expect(outcome).rejects.toThrow(/the server stopped during recovery \(status 1\)/);
  });
});

describe('a server that is restarted', () => {
  const startedAt = (minute: number) => new Date(Date.UTC(2026, 10, 21, 10, minute));

  it('by somebody else goes on recovering, and that is told', async () => {
    const { outcome, notes } = playRecovery([
      { answer: answers({ replayLsn: '0/4000000' }) },
      {
        state: { startedAt: startedAt(1) },
        log: 'LOG:  received fast shutdown request\nFATAL:  terminating connection due to',
      },
      {},
      { answer: PROMOTED },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(notes()).toEqual([expect.stringContaining('was restarted by somebody else')]);
  });

  it('when it was out of recovery already, has ended it where its files say, which is no vain restart', async () => {
    const again = { restartCount: 1, startedAt: startedAt(1) };
    // It has nothing to tell of a recovery, or what it replayed since, of its new timeline.
    for (const replayLsn of [undefined, '0/7000100']) {
      const { outcome, notes } = playRecovery([
        { answer: answers({ replayLsn: '0/4000000' }) },
        {
          state: again,
          volume: ENDED,
          answer: answers({ inRecovery: false, timeline: 2, ...(replayLsn ? { replayLsn } : {}) }),
        },
      ]);
      expect(await outcome).toEqual({ inRecovery: false, replayPaused: false, timeline: 2, replayLsn: '0/5000028' });
      expect(notes()).toEqual([]);
    }
  });

  it('and whose files cannot be seen, has ended its recovery at a place that is not known', async () => {
    const promoted = { answer: answers({ inRecovery: false, timeline: 2, replayLsn: '0/7000100' }) };
    const again = { state: { startedAt: startedAt(1) }, volume: unreachable() };
    const unseen = playRecovery([{ answer: answers({ replayLsn: '0/4000000' }) }, { ...again, ...promoted }]);
    expect(await unseen.outcome).not.toHaveProperty('replayLsn');
    // Unless it was seen to go on recovering since.
    const seen = playRecovery([{}, again, { answer: answers({ replayLsn: '0/4000000' }) }, promoted]);
    expect(await seen.outcome).toMatchObject({ replayLsn: '0/7000100' });
  });

  it('over and over by somebody else, so that it comes no farther, has failed', async () => {
    const moments = Array.from({ length: 20 }, (_, minute) => ({
      state: { startedAt: startedAt(minute) },
      forMs: 10_000,
    }));
    await expect(playRecovery(moments).outcome).rejects.toThrow(
      /was restarted 4 times by somebody else.*comes no farther/,
    );
  });

  it('as often as they like, as long as it comes farther', async () => {
    const moments = Array.from({ length: 20 }, (_, minute) => [
      { state: { startedAt: startedAt(minute) }, answer: NOT_YET },
      { volume: { ...RECOVERING, takenSegment: `0000000100000000000000${(16 + minute).toString(16)}` } },
    ]).flat();
    expect(await playRecovery([...moments, { answer: PROMOTED }]).outcome).toMatchObject({ inRecovery: false });
  });

  it('as often as they like, also where its position gets another digit and only the server tells it', async () => {
    const moments = Array.from({ length: 20 }, (_, minute) => [
      { state: { startedAt: startedAt(minute) }, answer: NOT_YET },
      { answer: answers({ replayLsn: `0/${(0xffffff0 + minute).toString(16).toUpperCase()}` }) },
    ]).flat();
    expect(await playRecovery([...moments, { answer: PROMOTED }]).outcome).toMatchObject({ inRecovery: false });
  });

  it('by its restart policy, since it has died, has failed', async () => {
    const log = 'FATAL:  could not restore file\nLOG:  startup process (PID 29) exited with exit code 1';
    const { outcome } = playRecovery([{}, { state: { restartCount: 1, startedAt: startedAt(1) }, log }]);
    await expect(outcome).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringContaining('could not restore file'),
    });
  });

  it('by its restart policy, since it was killed, goes on', async () => {
    const { outcome } = playRecovery([
      {},
      { state: { restartCount: 1, startedAt: startedAt(1) }, log: 'LOG:  restored log file' },
      { answer: PROMOTED },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false });
  });
});

describe('a setting that was raised on the way', () => {
  it('is raised here too, and the server starts again, before a pause over it is taken for anything else', async () => {
    const paused = answers({ replayPaused: true, replayLsn: '0/4000000' });
    const { outcome, calls, notes } = playRecovery(
      [{ answer: answers({}) }, { answer: paused, volume: withConnections(200) }, { answer: PROMOTED }],
      { atTarget: 'wait' },
    );
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(calls.filter((call) => call !== 'status')).toEqual(['raise', 'raise', 'restart']);
    expect(notes()).toEqual([expect.stringContaining('max_connections from 100 to 200')]);
  });

  it('is raised for a server that has died of it', async () => {
    const died = { running: false, exitCode: 1 };
    const { outcome, calls } = playRecovery([
      {},
      { state: died, volume: withConnections(200), log: 'FATAL:  hot standby is not possible' },
      { state: RUNNING },
      { answer: PROMOTED },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(count(calls, 'restart')).toBe(1);
  });

  it('is looked for once for each change, not at each look', async () => {
    const { outcome, calls } = playRecovery([{ forMs: 20_000 }, { answer: PROMOTED }]);
    await outcome;
    expect(count(calls, 'raise')).toBe(1);
  });
});

describe('settings that cannot be looked at or raised', () => {
  it('are told of, and do not end a recovery that may need none', async () => {
    const raise = new OdoError('dataCorrupt', 'cannot read /data/postgresql.auto.conf (ENOENT)');
    const { outcome, notes, calls } = playRecovery([{ raise }, {}, {}, { answer: PROMOTED }]);
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(notes()).toEqual([
      expect.stringContaining('could not be seen: cannot read /data/postgresql.auto.conf (ENOENT)'),
    ]);
    expect(count(calls, 'raise')).toBe(1);
    expect(calls).not.toContain('restart');
  });

  it('end it where the server would only stop over them', async () => {
    for (const code of ['serviceNotFound', 'noSpace'] as const) {
      const { outcome, calls } = playRecovery([{ raise: new OdoError(code, 'no') }]);
      await expect(outcome).rejects.toMatchObject({ code });
      expect(calls).not.toContain('restart');
    }
  });
});

describe('a server whose container is removed', () => {
  it('has failed, and nothing is waited for', async () => {
    const gone = new OdoError('serviceNotFound', 'cannot look at container db: No such container: db');
    const { outcome, timeMs } = playRecovery([{}, { state: gone }]);
    await expect(outcome).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: "the server's container was removed during recovery: cannot look at container db: No such container: db",
      hint: expect.stringContaining('run the same command again'),
    });
    expect(timeMs()).toBeLessThan(1000);
  });

  it('may be asked in the very moment: that is told by the next look', async () => {
    const answer = new OdoError('serviceNotFound', 'cannot run sh in container db: container db is not running');
    const { outcome } = playRecovery([{ answer }, { answer: PROMOTED }]);
    expect(await outcome).toMatchObject({ inRecovery: false });
  });
});

it('is cancelled, whatever it is at, and nothing is done to the server', async () => {
  const controller = new AbortController();
  const { outcome, calls } = playRecovery([{}, {}], {}, controller.signal);
  controller.abort();
  await expect(outcome).rejects.toMatchObject({ name: expect.any(String) });
  expect(asOdoError(await outcome.catch((error: unknown) => error), controller.signal).code).toBe('cancelled');
  expect(calls).not.toContain('promote');
});

it('does not take a bug in what it asks for anything else', async () => {
  await expect(playRecovery([{ answer: new TypeError('a bug') }]).outcome).rejects.toThrow('a bug');
  await expect(playRecovery([{ volume: new OdoError('dataCorrupt', 'damaged') }]).outcome).rejects.toThrow('damaged');
});

describe('a pause', () => {
  const paused = answers({ replayPaused: true, replayLsn: '0/4000000' });

  it('at the target is where a server is left that is to wait there', async () => {
    const { outcome } = playRecovery([{}, { answer: paused, log: AT_THE_END }], { atTarget: 'wait' });
    expect(await outcome).toMatchObject({ inRecovery: true, replayPaused: true, replayLsn: '0/4000000' });
  });

  it('before the target goes on, and is never taken for it', async () => {
    const { outcome, calls, notes } = playRecovery(
      [
        { answer: paused, log: ON_THE_WAY },
        { answer: answers({ replayPaused: true, replayLsn: '0/6000000' }), log: AT_THE_END },
      ],
      { atTarget: 'wait', isAtTarget: ({ replayLsn }) => replayLsn === '0/6000000' },
    );
    expect(await outcome).toMatchObject({ replayLsn: '0/6000000' });
    expect(count(calls, 'resume')).toBe(1);
    expect(notes()).toEqual([expect.stringContaining('paused at 0/4000000, before the target')]);
  });

  it('of which neither log nor position says that it is the target, is not taken for it, nor ended', async () => {
    const { outcome, calls } = playRecovery([{ answer: paused, log: undefined }], {
      atTarget: 'wait',
      isAtTarget: () => false,
      stallTimeoutMs: 5000,
    });
    await expect(outcome).rejects.toMatchObject({ code: 'promotionNotSeen' });
    expect(calls).not.toContain('resume');
    expect(calls).not.toContain('promote');
  });

  it('on the way of a server that ends its recovery by itself is ended; it is never promoted there', async () => {
    const { outcome, calls } = playRecovery([{ answer: paused }, { answer: PROMOTED }]);
    await outcome;
    expect(calls).toContain('resume');
    expect(calls).not.toContain('promote');
  });

  it('of a server that turns ODO down is known from its log', async () => {
    const { outcome } = playRecovery([{ answer: REFUSED }, { log: AT_THE_END }], { atTarget: 'wait' });
    expect(await outcome).toMatchObject({
      inRecovery: true,
      replayPaused: true,
      unasked: expect.stringContaining('password'),
    });
  });

  it('of a server that turns ODO down and has no log cannot be known, and is not waited for', async () => {
    const { outcome, timeMs } = playRecovery([{ answer: REFUSED, log: undefined }], { atTarget: 'wait' });
    await expect(outcome).rejects.toThrow(/whether at the target cannot be known.*password authentication failed/);
    expect(timeMs()).toBeLessThan(15_000);
  });

  it('ends by a promotion where that is asked for, without a login as well', async () => {
    const { outcome, calls } = playRecovery([{ answer: REFUSED }, { log: AT_THE_END }, {}, { volume: ENDED }], {
      atTarget: 'resume',
    });
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(count(calls, 'promote')).toBe(1);
  });
});

describe('an engine that does not answer', () => {
  it('is waited for, and told of once', async () => {
    const { outcome, notes } = playRecovery([
      {},
      { state: unreachable(), forMs: 60_000 },
      { state: RUNNING, answer: unreachable(), forMs: 30_000 },
      { answer: PROMOTED },
    ]);
    expect(await outcome).toMatchObject({ inRecovery: false });
    expect(notes()).toEqual([expect.stringContaining('Docker cannot be reached; the server goes on recovering')]);
  });

  it('is waited for only so long', async () => {
    const { outcome, timeMs } = playRecovery([{}, { state: unreachable() }], { stallTimeoutMs: 60_000 });
    await expect(outcome).rejects.toMatchObject({ code: 'dockerUnreachable' });
    expect(timeMs()).toBeGreaterThan(60_000);
  });
});

describe('a server that is silent', () => {
  const process = (name: string, state: string, ticks: number) =>
    `29 (postgres) ${state} 1 29 29 0 -1 4194560 1 0 0 0 ${ticks} 0 0 0 20 0 1 0|postgres: ${name} `;

  it('for too long makes no progress', async () => {
    const { outcome } = playRecovery([{ processes: process('checkpointer', 'S', 5) }], { stallTimeoutMs: 60_000 });
    await expect(outcome).rejects.toMatchObject({
      code: 'promotionNotSeen',
      message: expect.stringMatching(/no progress for 60 s: .*starting up/),
    });
  });

  it('is alive as long as it waits for the disk, or works', async () => {
    const onDisk = playRecovery([
      { processes: process('checkpointer', 'D', 5), forMs: 3_600_000 },
      { answer: PROMOTED },
    ]);
    expect(await onDisk.outcome).toMatchObject({ inRecovery: false });
    const working = Array.from({ length: 200 }, (_, n) => ({
      processes: process('startup recovering', 'S', n * 100),
      forMs: 10_000,
    }));
    expect(await playRecovery([...working, { answer: PROMOTED }]).outcome).toMatchObject({ inRecovery: false });
  });

  it('shows by its files, or by what it takes, that it goes on', async () => {
    const signs = Array.from({ length: 10 }, (_, n) => ({ volume: { ...RECOVERING, sign: `${n}` }, forMs: 500_000 }));
    expect(await playRecovery([...signs, { answer: PROMOTED }]).outcome).toMatchObject({ inRecovery: false });
  });
});

it('looks less often after the first minute', async () => {
  const { outcome, calls } = playRecovery([{ forMs: 3_600_000, volume: RECOVERING }, { answer: PROMOTED }], {
    stallTimeoutMs: 7_200_000,
  });
  await outcome;
  expect(count(calls, 'status')).toBeLessThan(300 + 3600 / 2);
});
