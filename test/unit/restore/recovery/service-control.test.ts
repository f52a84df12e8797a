import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServiceContainer } from '../../../../src/docker/compose/service.ts';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { ServiceDatabase } from '../../../../src/restore/database/service-database.ts';
import type { Archiving } from '../../../../src/restore/proofs/configuration.ts';
import {
  bringUp,
  cleanUp,
  seeThroughRecovery,
  stopContainers,
} from '../../../../src/restore/recovery/service-control.ts';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { salvageDir } from '../../../../src/tree/places/place.ts';
import {
  answered,
  type FakeContainer,
  type FakeExec,
  type FakeOutcome,
  fakeDocker,
  serviceLabels,
  unanswered,
} from '../../parts/fake-docker.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const never = new AbortController().signal;
const PROMOTED = { stdout: 'f\tf\t0/5000028\t2026-11-21T10:00:00.000000Z\t00000002\t17\n' };
const db = (more: FakeContainer = {}): FakeContainer => ({ labels: serviceLabels('db'), running: false, ...more });

/** A service with these containers; `compose` is what the docker command line does, in shell. */
function service(
  containers: Record<string, FakeContainer>,
  { run = () => PROMOTED, compose = 'exit 1' }: { run?: (exec: FakeExec) => FakeOutcome; compose?: string } = {},
) {
  const fake = fakeDocker(containers, run);
  const bin = scratchDirectory();
  fs.writeFileSync(path.join(bin, 'docker'), `#!/bin/sh\necho "$*" >>${bin}/calls\n${compose}\n`, { mode: 0o755 });
  Object.assign(fake.docker, { env: { PATH: `${bin}:/usr/bin:/bin` } });
  const found = {
    docker: fake.docker,
    project: {
      name: 'shop',
      files: ['/srv/shop.yaml'],
      services: { db: { image: 'postgres:17', environment: {}, mounts: [] } },
    },
    service: { name: 'db' },
    data: { place: { root: '/data' } },
  } as unknown as FoundService;
  const events: OdoEvent[] = [];
  const report = (event: OdoEvent) => void events.push(event);
  const composeCalls = () =>
    fs.existsSync(`${bin}/calls`) ? fs.readFileSync(`${bin}/calls`, 'utf8').trim().split('\n') : [];
  const phases = () => events.flatMap((event) => (event.type === 'phase' ? [`${event.phase} ${event.state}`] : []));
  return { ...fake, found, events, report, composeCalls, phases };
}

const WATCH = { stallTimeoutMs: 1000, atTarget: 'promote' as const };

describe('stopping containers', () => {
  const of = (id: string, stopTimeoutSeconds?: number) => ({ id, name: id, stopTimeoutSeconds }) as ServiceContainer;

  it('gives each the longer of its own time and the given one, all at once', async () => {
    const { found, calls, report, phases } = service({ a: db({ running: true }), b: db({ running: true }) });
    await stopContainers(found, [of('a', 300), of('b')], 120, report);
    expect(calls.sort()).toEqual(['stop a 300', 'stop b 120']);
    expect(phases()).toEqual(['stop started', 'stop finished']);
  });

  it('is no step where none runs', async () => {
    const { found, report, phases } = service({});
    await stopContainers(found, [], 120, report);
    expect(phases()).toEqual([]);
  });

  it('takes one that has stopped by itself for stopped, and names one that does not stop or is gone', async () => {
    const already = service({ a: db({ faults: { stop: answered(304, 'not modified') } }) });
    await stopContainers(already.found, [of('a')], 1, already.report);
    for (const [fault, code, words] of [
      [answered(500, 'cannot kill it'), 'recoveryFailed', 'cannot stop container a: cannot kill it'],
      [answered(404, 'No such container: a'), 'serviceNotFound', 'cannot stop container a: No such container: a'],
      [unanswered(), 'dockerUnreachable', 'cannot stop container a: Docker cannot be reached'],
    ] as const) {
      const { found, report, phases } = service({ a: db({ running: true, faults: { stop: fault } }) });
      await expect(stopContainers(found, [of('a')], 1, report)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(words),
      });
      expect(phases()).toEqual(['stop started', 'stop failed']);
    }
  });
});

describe('bringing a service up', () => {
  it('starts the containers that are there now, and gives where its server has come to', async () => {
    const { found, calls, report } = service({ 'shop-db-2': db() });
    expect(await bringUp(found, WATCH, report, never)).toMatchObject({
      address: { containerId: 'shop-db-2', dataDirectory: '/data' },
      reached: { timeline: 2, lsn: '0/5000028', lastCommitTime: '2026-11-21T10:00:00.000000Z' },
      waits: false,
    });
    expect(calls).toEqual(['start shop-db-2']);
  });

  it('is unsafe when somebody else has started one, and starts no other', async () => {
    const { found, calls, report, phases } = service({ 'shop-db-1': db({ running: true }), 'shop-db-2': db() });
    await expect(bringUp(found, WATCH, report, never)).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: 'container shop-db-1 was started by somebody else during the exchange',
      hint: expect.stringContaining('bring the old data back'),
    });
    expect(calls).toEqual([]);
    expect(phases()).toEqual(['start started', 'start failed']);
  });

  it('is recoveryFailed with the container where it does not start, and nobody waits for it', async () => {
    const { found, report, phases } = service({
      'shop-db-1': db({ faults: { start: answered(500, 'port is already allocated') } }),
    });
    await expect(bringUp(found, WATCH, report, never)).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: 'cannot start container shop-db-1: port is already allocated',
    });
    expect(phases()).toEqual(['start started', 'start failed']);
  });

  it('asks an engine again that is away for a moment', async () => {
    const containers = { 'shop-db-1': db({ faults: { start: unanswered() } }) };
    const { found, calls, report } = service(containers);
    setTimeout(() => delete (containers['shop-db-1'] as FakeContainer).faults, 300);
    expect(await bringUp(found, WATCH, report, never)).toMatchObject({ waits: false });
    expect(calls).toEqual(['start shop-db-1']);
  });

  it('lets compose make the container of a service that has none, with all that compose needs for it', async () => {
    const containers: Record<string, FakeContainer> = {};
    const { found, report, composeCalls } = service(containers, { compose: 'sleep 0.2' });
    Object.assign(found.project, { call: { envFiles: ['/srv/prod.env'] } });
    setTimeout(() => Object.assign(containers, { 'shop-db-1': db({ running: true }) }), 50);
    expect(await bringUp(found, WATCH, report, never)).toMatchObject({ address: { containerId: 'shop-db-1' } });
    expect(composeCalls()).toEqual([
      'compose --ansi never --env-file /srv/prod.env -f /srv/shop.yaml --project-name shop up --detach ' +
        '--no-deps --no-recreate db',
    ]);
  });

  it('tells what compose says when it makes none', async () => {
    const failing = service(
      {},
      { compose: 'case $* in *version) exit 0;; esac; echo "no such network: backend" >&2; exit 14' },
    );
    await expect(bringUp(failing.found, WATCH, failing.report, never)).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: 'cannot start service db: no such network: backend',
    });
    const silent = service({}, { compose: 'exit 0' });
    await expect(bringUp(silent.found, WATCH, silent.report, never)).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: 'compose started no container for service db',
    });
    const without = service({}, { compose: 'exit 127' });
    await expect(bringUp(without.found, WATCH, without.report, never)).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: 'docker has no compose plugin',
    });
  });

  it('is cancelled while it waits for an engine', async () => {
    const { found, report } = service({ 'shop-db-1': db({ faults: { start: unanswered() } }) });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    await expect(bringUp(found, WATCH, report, controller.signal)).rejects.toMatchObject({
      code: 'cancelled',
      cause: expect.objectContaining({ code: 'dockerUnreachable' }),
    });
  });
});

describe('seeing a recovery through', () => {
  it('says why a server could not be asked, and what is not known is left out', async () => {
    const { docker, report } = service(
      { db: db({ running: true }) },
      { run: () => ({ stdout: 't\tt\t0/0\t\t\t17\n' }) },
    );
    const address = { docker, containerId: 'db', dataDirectory: '/data', env: {} };
    const seen = await seeThroughRecovery(address, { ...WATCH, atTarget: 'wait' }, report, never);
    expect(seen).toMatchObject({ reached: { timeline: 0 }, waits: true });
    expect(seen.reached).toEqual({ timeline: 0 });
    expect(seen).not.toHaveProperty('unasked');
  });

  it('is the failure of the server, with its container’s last words, and the step has failed', async () => {
    const log = 'FATAL:  could not access file "postgis-3": No such file or directory\n';
    const { docker, report, phases, containers } = service(
      { db: db({ running: true, log }) },
      { run: () => ({ exitCode: 97 }) },
    );
    const address = { docker, containerId: 'db', dataDirectory: '/data', env: {} };
    setTimeout(() => Object.assign(containers.db as FakeContainer, { running: false, exitCode: 1 }), 50);
    await expect(seeThroughRecovery(address, WATCH, report, never)).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringContaining('could not access file "postgis-3"'),
    });
    expect(phases()).toEqual(['recover started', 'recover failed']);
  });
});

describe('clearing away after a promotion', () => {
  const places = { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] };
  const ARCHIVING: Archiving = { keepArchiving: false, ownWordOnArchiving: false };

  /** Errors stand for what does not answer. */
  function clearing(
    told: {
      archiving?: boolean | Error;
      files?: boolean | undefined | Error;
      prepared?: string[][] | Error;
      reload?: Error;
      finish?: Error;
      keptSalvage?: boolean;
    },
    archiving: Archiving = ARCHIVING,
  ) {
    const give = async <T>(value: T | Error): Promise<T> => {
      if (value instanceof Error) throw value;
      return value;
    };
    const calls: string[] = [];
    const engine = {
      archivingConfigured: () => give(told.files),
      async finish(options: Parameters<Engine['finish']>[0]) {
        calls.push(
          `finish ${options.settings}${options.hasPrepared ? ' prepared' : ''}${options.keepPrevious ? ' keep' : ''}`,
        );
        if (told.finish) throw told.finish;
        return { leftSettings: [], ...(told.keptSalvage ? { keptSalvage: true } : {}) };
      },
    } as unknown as Engine;
    const database = {
      archivingConfigured: () => give(told.archiving ?? false),
      query: () => give(told.prepared ?? []),
      async reload() {
        calls.push('reload');
        if (told.reload) throw told.reload;
      },
    } as unknown as ServiceDatabase;
    const { report, phases } = service({});
    const options = {
      places,
      archiving,
      keepPrevious: false,
      service: { commandArgs: [] },
      request: { serviceRef: { volume: 'pgdata', service: 'db', composeFiles: [], image: 'odo' } },
    };
    return { notes: cleanUp(engine, options, database, report), calls, phases };
  }

  const away = new OdoError('promotionNotSeen', 'the restored server did not answer');

  it('takes everything away, and has nothing to say, as a rule', async () => {
    const { notes, calls, phases } = clearing({});
    expect(await notes).toEqual([]);
    expect(calls).toEqual(['finish remove', 'reload']);
    expect(phases()).toEqual(['clean started', 'clean finished']);
  });

  it('leaves archiving off where the configuration turns it on, and says so', async () => {
    const { notes, calls } = clearing({ archiving: true });
    expect(await notes).toEqual([expect.stringMatching(/^archiving is off/), expect.any(String)]);
    expect(calls[0]).toBe('finish remove-but-keep-archiving-off');
    const own = clearing({ archiving: true }, { ...ARCHIVING, ownWordOnArchiving: true });
    expect((await own.notes)[0]).toContain('the replaced postgresql.auto.conf has its own word on it');
    expect(own.calls[0]).toBe('finish remove');
    const kept = clearing({ archiving: true }, { ...ARCHIVING, keepArchiving: true });
    expect((await kept.notes)[0]).toContain('as --archive-mode keep says');
    expect(kept.calls[0]).toBe('finish remove');
    expect(await clearing({}, { ...ARCHIVING, keepArchiving: true }).notes).toEqual([]);
  });

  it('goes by the files where the server does not answer, and by the more careful where they do not tell', async () => {
    expect(await clearing({ archiving: away, files: false }).notes).toEqual([]);
    for (const files of [true, undefined]) {
      const { notes, calls } = clearing({ archiving: away, files });
      expect((await notes)[0]).toMatch(/^archiving is off/);
      expect(calls[0]).toBe('finish remove-but-keep-archiving-off');
    }
  });

  it('keeps room for prepared transactions and names them; a server not telling of them is no failure', async () => {
    const { notes, calls } = clearing({ prepared: [['gid', 'shop', 'orders', 'noon']] });
    expect(await notes).toEqual([expect.stringContaining("'gid' of shop in orders")]);
    expect(calls[0]).toBe('finish remove prepared');
    const untold = clearing({ prepared: away });
    expect(await untold.notes).toEqual([]);
    expect(untold.calls).toEqual(['finish remove', 'reload']);
  });

  it('names WAL that stays, since it is all there is of old data, and what removes it for good', async () => {
    const [note] = await clearing({ keptSalvage: true }).notes;
    expect(note).toContain(`is kept in ${salvageDir(places.pgdata)}`);
    expect(note).toContain('odo clean -v pgdata -n db --accept-loss removes it for good');
  });

  it('says that the server still has its settings when it could not be told', async () => {
    const { notes } = clearing({ reload: away });
    expect(await notes).toEqual([
      expect.stringMatching(/until it is started again, .*: the restored server did not answer$/),
    ]);
  });

  it('fails with what the engine could not do, and does not tell the server of what has not come about', async () => {
    const finish = new OdoError('writeFailed', 'the file system of /data could not write what it was given (EIO)');
    const { notes, calls, phases } = clearing({ finish });
    await expect(notes).rejects.toBe(finish);
    expect(calls).not.toContain('reload');
    expect(phases()).toEqual(['clean started', 'clean failed']);
    await expect(clearing({ archiving: away, files: away }).notes).rejects.toBe(away);
  });
});
