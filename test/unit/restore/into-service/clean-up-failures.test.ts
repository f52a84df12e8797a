import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import { patiently } from '../../../../src/progress/patiently.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import { openLastingEngine } from '../../../../src/restore/engine/lasting-engine.ts';
import { leaveAsBefore } from '../../../../src/restore/into-service/leave-as-before.ts';
import type { ServiceRun } from '../../../../src/restore/into-service/service-run.ts';
import { NO_REHEARSAL } from '../../../../src/restore/rehearsal/prepare-rehearsal.ts';

const never = new AbortController().signal;
const away = () => new OdoError('dockerUnreachable', 'Docker cannot be reached');
const http = (statusCode: number, message: string) =>
  Object.assign(new Error(message), { statusCode, json: { message } });

/**
 * A failed restore before its exchange; containers in `broken` do not start, those in `gone` are not there any more.
 */
function failedRun(containers: string[], faults: { broken?: string[]; gone?: string[]; now?: string[] } = {}) {
  const calls: string[] = [];
  const inspected = (id: string) => ({
    Id: id,
    Name: `/${id}`,
    Args: [],
    Mounts: [],
    State: { Running: false, StartedAt: '2026-11-21T10:00:00Z' },
    Config: { Image: 'postgres:15', Labels: {}, Env: [] },
    HostConfig: {},
  });
  const docker = {
    docker: {
      listContainers: async () => (faults.now ?? []).map((Id) => ({ Id })),
      getImage: () => ({ inspect: async () => ({ Id: 'image', Config: {} }) }),
      getContainer: (id: string) => ({
        inspect: async () => inspected(id),
        async start() {
          if (faults.broken?.includes(id)) throw http(500, 'port is already allocated');
          if (faults.gone?.includes(id)) throw http(404, 'No such container');
          calls.push(`start ${id}`);
        },
      }),
      getVolume: (name: string) => ({
        async remove() {
          calls.push(`remove ${name}`);
          throw http(409, 'volume is in use');
        },
      }),
    },
  };
  const engine = { close: async () => undefined, discard: async () => undefined } as unknown as Engine;
  const run = {
    rehearsal: NO_REHEARSAL,
    request: {
      discard: false,
      wipe: false,
      leaveStopped: false,
      serviceRef: { service: 'db', volume: 'db', composeFiles: [] },
    },
    proven: {
      found: {
        docker,
        project: { name: 'shop', files: ['/srv/shop.yaml'], services: { db: { image: 'postgres:15' } } },
        service: { name: 'db' },
      },
      places: { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] },
    },
    signal: never,
    engine,
    feeding: undefined,
    stopped: containers.map((name) => ({ id: name, name })),
    made: ['shop_db'],
    layingDown: false,
    swapping: false,
  } as unknown as ServiceRun;
  return { run, calls };
}

describe('what fails while a failed restore is cleaned up after', () => {
  const first = new OdoError('dataCorrupt', 'the archive is damaged', { hint: 'choose another backup' });

  it('does not take the place of the first error, and keeps nothing else from being done', async () => {
    const { run, calls } = failedRun(['db-1', 'db-2', 'db-3'], { broken: ['db-1'] });
    const told = await leaveAsBefore(run, first);
    expect(told).toMatchObject({ code: 'dataCorrupt', message: 'the archive is damaged' });
    expect(told.hint).toMatch(/^choose another backup\n/);
    expect(told.hint).toMatch(/volume shop_db is left over \(docker volume rm shop_db\): .*volume is in use/);
    expect(told.hint).toMatch(/container db-1 could not be started again: .*port is already allocated/);
    expect(calls).toEqual(['remove shop_db', 'start db-2', 'start db-3']);
  });

  it('starts what compose has made in the place of a container that is gone', async () => {
    const { run, calls } = failedRun(['db-1'], { gone: ['db-1'], now: ['db-new'] });
    await leaveAsBefore(run, first);
    expect(calls).toContain('start db-new');
  });

  it('names a container that is gone, where there is none in its place', async () => {
    const { run } = failedRun(['db-1'], { gone: ['db-1'] });
    expect((await leaveAsBefore(run, first)).hint).toMatch(
      /db-1 could not be started again.*\n.*docker compose -f \/srv\/shop\.yaml up -d db/,
    );
  });
});

describe('an engine that is away for a while', () => {
  it('is asked again', async () => {
    let asked = 0;
    const work = async () => {
      if (++asked < 3) throw away();
      return 'answer';
    };
    expect(await patiently(work, never, { everyMs: 1 })).toBe('answer');
  });

  it('is given up in the end, and another error at once', async () => {
    await expect(patiently(() => Promise.reject(away()), never, { everyMs: 1, forMs: 5 })).rejects.toMatchObject({
      code: 'dockerUnreachable',
    });
    let asked = 0;
    const other = async () => {
      asked++;
      throw new OdoError('unsafeTarget', 'another odo is at work');
    };
    await expect(patiently(other, never)).rejects.toMatchObject({ code: 'unsafeTarget' });
    expect(asked).toBe(1);
  });

  it('has another container opened in the place of the one that died with it', async () => {
    const told: string[][] = [];
    const closed: string[] = [];
    const engine = (name: string) => ({ name, close: async () => void closed.push(name) }) as unknown as Engine;
    let opened = 0;
    const open = async () => {
      if (++opened === 1) throw away();
      return engine('second');
    };
    const lasting = openLastingEngine(engine('first'), open, (messages) => told.push(messages), never, {
      againAfterMs: 1,
    });
    const step = async (current: Engine) => {
      const { name } = current as unknown as { name: string };
      if (name === 'first') throw away();
      return name;
    };
    expect(await lasting.during(step)).toBe('second');
    expect(closed).toEqual(['first']);
    expect(told.map(({ length }) => length)).toEqual([1, 1, 0]);
    const tired = openLastingEngine(engine('first'), open, () => undefined, never, {
      againAfterMs: 1,
      mostFailures: 1,
    });
    await expect(tired.during(step)).rejects.toMatchObject({ code: 'dockerUnreachable' });
  });
});
