import { describe, expect, it } from 'vitest';
import type { ComposeProject } from '../../../../src/docker/compose/project.ts';
import { projectsWith, resolveService } from '../../../../src/docker/compose/service.ts';
import { answered, fakeDocker, serviceLabels, unanswered } from '../../parts/fake-docker.ts';

const project = {
  name: 'shop',
  services: { db: { image: 'postgres:17', environment: {}, mounts: [] } },
} as unknown as ComposeProject;

describe('the containers of a service', () => {
  it('are those that are still there when they are looked at: compose may be making them anew', async () => {
    const { docker } = fakeDocker({
      old: { labels: serviceLabels('db'), faults: { inspect: answered(404, 'No such container: old') } },
      new: { labels: serviceLabels('db') },
    });
    expect((await resolveService(docker, project, 'db')).containers.map(({ id }) => id)).toEqual(['new']);
  });

  it('are those of that service of that project alone', async () => {
    const { docker } = fakeDocker({
      app: { labels: serviceLabels('app') },
      elsewhere: { labels: serviceLabels('db', 'other') },
      db: { labels: serviceLabels('db') },
    });
    expect((await resolveService(docker, project, 'db')).containers.map(({ id }) => id)).toEqual(['db']);
  });

  it('may start by a script that the compose file has, and hold files that compose writes there', async () => {
    const { docker } = fakeDocker({ db: { labels: serviceLabels('db') } });
    const resolved = (more: object) =>
      resolveService(
        docker,
        { ...project, services: { db: { ...project.services.db, ...more } } } as ComposeProject,
        'db',
      );
    expect(await resolved({ injectedFiles: ['/run/secrets/key'] })).toMatchObject({
      injectedFiles: ['/run/secrets/key'],
    });
    for (const more of [{ entrypoint: ['/start.sh'] }, { command: ['/bin/bash', '-c', 'exec postgres'] }]) {
      expect(await resolved(more)).toMatchObject({ startsByScript: true });
    }
    for (const more of [{}, { command: ['postgres', '-c', 'port=1'] }]) {
      expect(await resolved(more)).not.toHaveProperty('startsByScript');
    }
  });

  it('are not taken for gone when the engine is', async () => {
    for (const [fault, code] of [
      [unanswered(), 'dockerUnreachable'],
      [answered(500, 'broken'), 'dockerUnreachable'],
    ] as const) {
      const { docker } = fakeDocker({ db: { labels: serviceLabels('db'), faults: { inspect: fault } } });
      await expect(resolveService(docker, project, 'db')).rejects.toMatchObject({
        code,
        message: expect.stringContaining('cannot list the containers of service db'),
      });
    }
  });

  it('may be of another project that was made of the same file', async () => {
    const of = (project: string, files: string) => ({
      labels: { ...serviceLabels('db', project), 'com.docker.compose.project.config_files': files },
    });
    const { docker } = fakeDocker({
      a: of('shop', '/srv/a.yaml,/srv/b.yaml'),
      b: of('live', '/srv/a.yaml'),
      c: of('other', '/srv/aa.yaml'),
    });
    expect(await projectsWith(docker, 'db', '/srv/a.yaml')).toEqual(['live', 'shop']);
    expect(await projectsWith(docker, 'app', '/srv/a.yaml')).toEqual([]);
  });

  it('are none of a service that the project has not, which is named with those that it has', async () => {
    await expect(resolveService(fakeDocker({}).docker, project, 'dbb')).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: 'compose project shop has no service dbb',
      hint: 'its services are: db',
    });
  });
});
