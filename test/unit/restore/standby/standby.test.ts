import { describe, expect, it } from 'vitest';
import type { Service } from '../../../../src/docker/compose/service.ts';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { hasCaughtUp, proveStandby, standbyNotes } from '../../../../src/restore/standby/standby.ts';
import type { WalPlan } from '../../../../src/wal/plan/wal-plan.ts';

const WAL: WalPlan = {
  source: 'archive',
  spans: [{ timeline: 1, firstSegment: '000000010000000000000003' }],
  segmentSizeBytes: 16 * 1024 * 1024,
  recoveryTargetTimeline: 'latest',
  histories: [],
  segments: 3,
  storedBytes: 1,
  endSegment: '000000010000000000000005',
};

describe('a standby', () => {
  it('has caught up when it is within the last segment of the archive', () => {
    const at = (replayLsn?: string) =>
      hasCaughtUp(WAL)({ inRecovery: true, replayPaused: false, ...(replayLsn === undefined ? {} : { replayLsn }) });
    expect([at(), at('0/4FFFFFF'), at('0/5000000'), at('0/5000028'), at('0/6000000')]).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
    const isBehind = hasCaughtUp(WAL, { lastLsn: '0/7000100' });
    const status = (replayLsn: string) => ({ inRecovery: true, replayPaused: false, replayLsn });
    expect([isBehind(status('0/7000100')), isBehind(status('0/7000178'))]).toEqual([false, true]);
    expect(hasCaughtUp({ source: 'included' })({ inRecovery: true, replayPaused: false })).toBe(true);
  });

  it('cannot be one when the command line of the service has its own word on it', () => {
    const found = (...commandArgs: string[]) =>
      ({ service: { name: 'db', commandArgs } as unknown as Service }) as FoundService;
    expect(proveStandby(found('postgres', '-c', 'work_mem=1MB'), {}).evidence).toMatch(/archive only/);
    expect(() => proveStandby(found('postgres', '-c', 'hot_standby=off'), {})).toThrow(
      expect.objectContaining({ code: 'serviceNotFound', message: expect.stringMatching(/sets hot_standby/) }),
    );
  });

  it('is told of with the way on, and without the address of its primary', async () => {
    const serviceRef = { volume: 'db', service: 'db', composeFiles: ['c.yaml'], image: 'odo:x' };
    const credentials = { accessKeyId: 'key', secretAccessKey: 'hush' };
    const store = { url: 's3://backups', endpoint: 'http://127.0.0.1:7480', credentials };
    const notes = (primaryConninfo: string | undefined, rows: string[][]) =>
      standbyNotes(
        { serviceRef, store, server: 'shop', standby: primaryConninfo === undefined ? {} : { primaryConninfo } },
        WAL,
        {
          query: async () => rows,
        },
      );
    expect((await notes('host=h password=hush', [['streaming']]))[0]).toMatch(/it streams from its primary$/);
    expect((await notes('host=h password=hush', []))[0]).toMatch(/not connected to its primary yet/);
    const [alone, ...ways] = await notes(undefined, []);
    expect([alone, ways]).toEqual([
      expect.stringMatching(/given no primary/),
      [
        'to bring it what is archived from now on, as long as this runs: odo follow -v db -n db -f c.yaml -u ' +
          's3://backups --endpoint http://127.0.0.1:7480 --server shop',
        'to make it a primary: odo promote -v db -n db -f c.yaml',
        'to go back to the old data: odo rollback -v db -n db -f c.yaml',
      ],
    ]);
    expect((await notes('host=h password=hush', [])).join()).not.toContain('hush');
    const far = { ...store, region: 'eu-west-3', pathStyle: false, profile: 'ops' };
    const [, follow] = await standbyNotes({ serviceRef, store: far, standby: {} }, WAL, { query: async () => [] });
    expect(follow).toMatch(/--aws-region eu-west-3 --no-path-style --profile ops$/);
    const included = await standbyNotes(
      { serviceRef, store, standby: {} },
      { source: 'included' },
      { query: async () => [] },
    );
    expect(included.join()).not.toContain('odo follow');
  });
});
