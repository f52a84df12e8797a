import { expect, it } from 'vitest';
import type { FoundService } from '../../../../src/restore/service/found-service.ts';
import { type MadeAtStart, madeAtStartOf } from '../../../../src/restore/service/made-at-start.ts';
import { answered } from '../../parts/fake-docker.ts';

const CONTAINER = { id: 'c1', name: 'db', running: false, answers: false, restartPolicy: 'no' };

/** A service whose container has `files`. */
function startOf(
  service: Partial<FoundService['service']>,
  files: readonly string[] = [],
  asked: string[] = [],
): MadeAtStart {
  const infoArchive = async ({ path }: { path: string }) => {
    asked.push(path);
    if (path === '/fault') throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    if (!files.includes(path)) throw answered(404, `Could not find the file ${path}`);
    return { resume: () => undefined };
  };
  const docker = { docker: { getContainer: () => ({ infoArchive }) } };
  return madeAtStartOf({ docker, service: { mounts: [], containers: [], ...service } } as unknown as FoundService);
}

it('is what compose writes into the container, and what holds it', async () => {
  const start = startOf({ injectedFiles: ['/etc/postgresql/conf.d/a.conf'], containers: [CONTAINER] });
  for (const path of ['/etc/postgresql/conf.d/a.conf', '/etc/postgresql/conf.d']) {
    expect(await start(path)).toMatch(/compose puts it there/);
  }
  expect(await start('/etc/postgresql/conf.d/b.conf')).toBeUndefined();
});

it('is what is kept in memory', async () => {
  const tmpfs = { type: 'tmpfs' as const, source: '', destination: '/run/made', readOnly: false };
  expect(await startOf({ mounts: [tmpfs], containers: [CONTAINER] })('/run/made/server.key')).toMatch(/in memory/);
});

it("is what the service's container has, and an engine that does not tell is a fault", async () => {
  const start = startOf({ containers: [CONTAINER], startsByScript: true }, ['/tls/server.key']);
  expect(await start('/tls/server.key')).toMatch(/container has it/);
  expect(await start('/tls/other.key')).toBeUndefined();
  await expect(start('/fault')).rejects.toMatchObject({ code: 'dockerUnreachable' });
});

it('is anything where a script starts a service that has not run yet, whose container is not asked', async () => {
  const asked: string[] = [];
  const containers = [{ ...CONTAINER, neverStarted: true }];
  expect(await startOf({ containers, startsByScript: true }, [], asked)('/tls/server.key')).toMatch(
    /script of its own/,
  );
  expect(await startOf({ containers }, ['/tls/server.key'], asked)('/tls/server.key')).toBeUndefined();
  expect(asked).toEqual([]);
});
