import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { askStandby } from '../../../../src/restore/standby/ask-standby.ts';
import {
  answered,
  type FakeExec,
  type FakeOutcome,
  fakeDocker,
  serviceLabels,
  unanswered,
} from '../../parts/fake-docker.ts';

const STANDBY = 't\tf\t0/5000028\t2026-11-21T10:00:00.000000Z\t\t17\n';
const PROMOTED = 'f\tf\t0/5000028\t\t00000002\t17\n';

/** Asks a standby whose answers come one after the other; the last one stays. Gives what was told, each time. */
function standby(outcomes: FakeOutcome[], signal = new AbortController().signal) {
  let asked = 0;
  const run = ({ argv }: FakeExec): FakeOutcome => {
    if (argv.at(-1)?.startsWith('show ')) return { stdout: 'latest\n' };
    return outcomes[Math.min(asked++, outcomes.length - 1)] as FakeOutcome;
  };
  const fake = fakeDocker({ 'shop-db-1': { labels: serviceLabels('db') } }, run);
  const found = {
    docker: fake.docker,
    project: { name: 'shop', services: { db: { image: 'postgres:17', environment: {}, mounts: [] } } },
    service: { name: 'db' },
    data: { place: { root: '/data' } },
  } as unknown as FoundService;
  const told: string[][] = [];
  const ask = askStandby(found, (messages) => told.push(messages), signal, 1);
  return { ask, told, asked: () => asked, ...fake };
}

describe('a standby that is asked', () => {
  it('says how far it is, and when it is none any more', async () => {
    const { ask, told } = standby([{ stdout: STANDBY }, { stdout: PROMOTED }]);
    expect(await ask()).toEqual({
      replayLsn: '0/5000028',
      lastCommitTime: '2026-11-21T10:00:00.000000Z',
      targetTimeline: 'latest',
    });
    expect(await ask()).toBe('promoted');
    expect(told).toEqual([[], []]);
  });

  it('is waited for while it starts, is away, or the engine is, and the reason is told', async () => {
    const { ask, told } = standby([
      { exitCode: 2, stderr: 'FATAL:  the database system is starting up' },
      answered(409, 'container shop-db-1 is not running'),
      unanswered(),
      { stdout: STANDBY },
    ]);
    expect(await ask()).toMatchObject({ replayLsn: '0/5000028' });
    expect(told).toEqual([
      ['the server of service db does not answer (FATAL:  the database system is starting up); this waits for it'],
      [expect.stringContaining('container shop-db-1 is not running')],
      [expect.stringContaining('Docker cannot be reached')],
      [],
    ]);
  });

  it('is waited for while its container does not run, or there is none', async () => {
    const { ask, told, containers } = standby([{ stdout: STANDBY }]);
    Object.assign(containers['shop-db-1'] as object, { running: false });
    const answer = ask();
    await expect.poll(() => told.length).toBeGreaterThan(0);
    expect(told[0]).toEqual(['the server of service db does not answer (it does not run); this waits for it']);
    const container = containers['shop-db-1'];
    delete containers['shop-db-1'];
    containers['shop-db-2'] = { ...container, running: true };
    expect(await answer).toMatchObject({ replayLsn: '0/5000028' });
  });

  it('is not waited for when it turns ODO down: its files tell, and why it does is told', async () => {
    const { ask, told, asked } = standby([
      { exitCode: 2, stderr: 'FATAL:  password authentication failed for user "postgres"' },
    ]);
    expect(await ask()).toEqual({ targetTimeline: 'latest' });
    expect(told).toEqual([
      [
        'the server of service db turns ODO down, so that its files alone tell how far it is: FATAL:  ' +
          'password authentication failed for user "postgres"',
      ],
    ]);
    // By both of its databases.
    expect(asked()).toBe(2);
  });

  it('is left when it is cancelled, also while it is waited for', async () => {
    const controller = new AbortController();
    const { ask, told } = standby(
      [{ exitCode: 2, stderr: 'FATAL:  the database system is starting up' }],
      controller.signal,
    );
    const answer = ask();
    await expect.poll(() => told.length).toBeGreaterThan(0);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('does not hide what is wrong with the question itself', async () => {
    const { ask, told } = standby([new OdoError('bug', 'unexpected: a frame of another kind')]);
    await expect(ask()).rejects.toMatchObject({ code: 'bug' });
    expect(told).toEqual([]);
  });
});
