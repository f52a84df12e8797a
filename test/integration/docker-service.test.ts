import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  containerState,
  execIn,
  logsSince,
  removeContainer,
  startContainer,
  stopContainer,
} from '../../src/docker/client/container.ts';
import { connectDocker, type DockerEngine } from '../../src/docker/client/engine.ts';
import { mountHolding } from '../../src/docker/client/mount.ts';
import { loadProject } from '../../src/docker/compose/load-project.ts';
import { createService, startService } from '../../src/docker/compose/make-service.ts';
import { writeOverride } from '../../src/docker/compose/override-file.ts';
import { resolveService } from '../../src/docker/compose/service.ts';
import { resolveVolume, volumeExists } from '../../src/docker/compose/volume.ts';
import { containersUsing } from '../../src/docker/containers/directory-users.ts';
import { until } from './parts/run.ts';

const signal = new AbortController().signal;
let engine: DockerEngine;
let dir: string;
/** The project's name, unless the test says otherwise, and the beginning of every other name. */
let name: string;
/** The files to take down with in the end. */
let files: string[];

const SERVER = `
services:
  pg:
    image: postgres:15
    network_mode: none
    environment:
      POSTGRES_PASSWORD: "a$$b"
      FROM_CALLER: \${ODO_TEST_VALUE:-unset}
    volumes:
      - db:/var/lib/postgresql/data
volumes:
  db:
`;

beforeAll(async () => {
  engine = await connectDocker({ ...process.env, ODO_TEST_VALUE: 'x y' }, signal);
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'odo-test-'));
  name = `odo-test-${randomBytes(6).toString('hex')}`;
  files = [];
});

afterEach(async () => {
  if (files.length > 0) await compose('--profile', '*', 'down', '--volumes', '--timeout', '1', '--remove-orphans');
  await rm(dir, { recursive: true });
});

async function write(file: string, text: string): Promise<string> {
  const path = join(dir, file);
  await writeFile(path, text);
  files.push(path);
  return path;
}

async function compose(...args: string[]): Promise<string> {
  const flags = files.flatMap((file) => ['-f', file]);
  const { stdout } = await promisify(execFile)('docker', ['compose', '-p', name, ...flags, ...args], {
    env: engine.env,
  });
  return stdout.trim();
}

function load(projectName: string | undefined = name) {
  return loadProject(engine, { files, projectName }, signal);
}

describe('loadProject', () => {
  it('merges several files and takes names as they are written', async () => {
    await write('compose.yaml', SERVER);
    const override = `
name: ${name}
services:
  pg:
    user: "999:999"
    stop_grace_period: 2m
    volumes: ["./conf:/conf:ro", "ext:/ext", "named:/named"]
  tool:
    profiles: [tools]
    build: ./tool
volumes:
  ext: { external: true, name: ${name}-ext }
  named: { name: ${name}-fixed }
`;
    await mkdir(join(dir, 'conf'));
    await write('override.yaml', override);
    const project = await loadProject(engine, { files }, signal);
    expect(project).toMatchObject({
      name,
      files,
      volumes: {
        db: { name: `${name}_db`, external: false },
        ext: { name: `${name}-ext`, external: true },
        named: { name: `${name}-fixed`, external: false },
      },
    });
    expect(project.services.pg).toMatchObject({
      image: 'postgres:15',
      user: '999:999',
      stopGracePeriodSeconds: 120,
      environment: { POSTGRES_PASSWORD: 'a$b', FROM_CALLER: 'x y' },
    });
    expect(project.services.pg?.mounts).toContainEqual({
      type: 'bind',
      source: join(dir, 'conf'),
      destination: '/conf',
      readOnly: true,
    });
    expect(project.services.tool?.image).toBe(`${name}-tool`);
  });

  it("reads ODO's own override along, whatever is in its paths", async () => {
    const destination = '/data/$$pg${x$';
    const instead = { type: 'bind', source: join(dir, 'a$b$$') };
    const text = SERVER.replace(
      'db:/var/lib/postgresql/data',
      `${instead.source}:${destination}`.replaceAll('$', '$$$$$$$$'),
    );
    await write('compose.yaml', text);
    const before = (await load()).services.pg?.mounts;
    const switches = { switched: [{ service: 'pg', destination, volume: `${name}_new`, instead }], earlier: [] };
    await writeOverride(files, switches);
    const project = await load();
    expect(before).toEqual([{ ...instead, destination, readOnly: false }]);
    expect(project.switches).toEqual(switches);
    expect(project.services.pg?.mounts).toEqual([
      { type: 'volume', source: `${name}_new`, destination, readOnly: false },
    ]);
    expect(project.warnings).toBeUndefined();
  });

  it('takes the project name of the environment, and the one given before it', async () => {
    await write('compose.yaml', SERVER);
    const other = { ...engine, env: { ...engine.env, COMPOSE_PROJECT_NAME: `${name}-env` } };
    expect((await loadProject(other, { files }, signal)).name).toBe(`${name}-env`);
    expect((await loadProject(other, { files, projectName: name }, signal)).name).toBe(name);
  });

  it.each([
    ['services: {a: {image: b, imagee: c}}', /imagee/],
    ['services: [', /yaml/],
    [`services: {a: {image: "\${ODO_TEST_NONE:?must be given}"}}`, /must be given/],
    ['services: {a: {image: b, volumes: ["nowhere:/x"]}}', /nowhere/],
  ])('hands on what compose says about %s', async (text, message) => {
    await writeFile(join(dir, 'bad.yaml'), text);
    await expect(loadProject(engine, { files: [join(dir, 'bad.yaml')] }, signal)).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: expect.stringMatching(message),
    });
  });

  it('names the file that is not there', async () => {
    await expect(loadProject(engine, { files: [join(dir, 'none.yaml')] }, signal)).rejects.toMatchObject({
      code: 'serviceNotFound',
      message: `compose file ${join(dir, 'none.yaml')} is not there`,
    });
  });

  it('tells a docker command line, or a compose plugin, that is not there', async () => {
    await write('compose.yaml', SERVER);
    await expect(loadProject({ ...engine, env: { PATH: dir } }, { files }, signal)).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: 'the docker command line is not there',
    });
    // a docker without the plugin, as its command line answers then
    await writeFile(join(dir, 'docker'), `#!/bin/sh\necho "docker: 'compose' is not a docker command." >&2\nexit 1\n`, {
      mode: 0o755,
    });
    await expect(
      loadProject({ ...engine, env: { PATH: `${dir}:/bin:/usr/bin` } }, { files }, signal),
    ).rejects.toMatchObject({
      code: 'dockerUnreachable',
      message: 'docker has no compose plugin',
      hint: expect.stringMatching(/docker-compose-plugin/),
    });
    files = [];
  });

  it('can be aborted', async () => {
    await write('compose.yaml', SERVER);
    await expect(loadProject(engine, { files }, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    files = [];
  });
});

describe('a service', () => {
  it('without a container is what the compose file and the image say', async () => {
    await write('compose.yaml', SERVER);
    const project = await load();
    const pg = await resolveService(engine, project, 'pg');
    expect(pg).toMatchObject({
      name: 'pg',
      project: name,
      containers: [],
      imageRef: 'postgres:15',
      commandArgs: ['postgres'],
    });
    expect(pg.imageId).toMatch(/^sha256:/);
    expect(pg.env).toMatchObject({ POSTGRES_PASSWORD: 'a$b', PGDATA: '/var/lib/postgresql/data' });
    const mount = resolveVolume(project, pg, 'db');
    expect(mount).toEqual({
      type: 'volume',
      source: `${name}_db`,
      destination: '/var/lib/postgresql/data',
      readOnly: false,
    });
    expect(pg.mounts).toEqual([mount]);
    expect(await volumeExists(engine, mount.source)).toBe(false);

    await createService(engine, project, 'pg', signal);
    expect(await volumeExists(engine, mount.source)).toBe(true);
    const created = await resolveService(engine, project, 'pg');
    expect(created.containers).toMatchObject([{ running: false, restartPolicy: 'no' }]);
    expect(created.mounts).toEqual(pg.mounts);
    expect(created.commandArgs).toEqual(pg.commandArgs);
    expect(created.env).toEqual(expect.objectContaining(pg.env));
    expect(await containersUsing(engine, [mount])).toEqual([]);
  });

  it('is started by compose, stopped, and started again as it was', async () => {
    await write('compose.yaml', SERVER);
    const project = await load();
    await startService(engine, project, 'pg', signal);
    const [container] = (await resolveService(engine, project, 'pg')).containers;
    expect(container).toMatchObject({ name: `${name}-pg-1`, running: true });
    const id = container?.id ?? '';
    expect(await containersUsing(engine, [{ type: 'volume', source: `${name}_db` }])).toEqual([
      {
        id,
        name: `${name}-pg-1`,
        image: 'postgres:15',
        destination: '/var/lib/postgresql/data',
        readOnly: false,
        source: `${name}_db`,
      },
    ]);
    // before its first start-up is over, the image's script does not stop when asked to
    const ready = () => execIn(engine, id, ['pg_isready', '-h', '127.0.0.1'], { timeoutMs: 60_000, signal });
    while ((await ready()).exitCode !== 0) await new Promise((resolve) => setTimeout(resolve, 200));
    await stopContainer(engine, id, 60);
    expect(await containerState(engine, id)).toMatchObject({ running: false, exitCode: 0 });
    expect(await logsSince(engine, id, 0, 5)).toMatch(/database system is shut down/);
    expect(await containersUsing(engine, [{ type: 'volume', source: `${name}_db` }])).toEqual([]);
    expect((await resolveService(engine, project, 'pg')).containers).toMatchObject([{ id, running: false }]);
    await startContainer(engine, id);
    expect((await containerState(engine, id)).running).toBe(true);
  });

  it('with a container is what the container is, whatever the file says by now', async () => {
    const text = `
services:
  pg:
    image: postgres:15
    network_mode: none
    user: "999"
    restart: unless-stopped
    stop_grace_period: 90s
    command: ["postgres", "-c", "shared_buffers=16MB"]
    environment: { POSTGRES_PASSWORD: x, PGDATA: /data/below/pg }
    tmpfs: /scratch
    volumes: ["db:/data", "./host:/host:ro"]
volumes:
  db: { name: ${name}-fixed }
`;
    const path = await write('compose.yaml', text);
    await mkdir(join(dir, 'host'));
    await compose('up', '--no-start');
    await writeFile(path, text.replace('/data"', '/elsewhere"').replace('shared_buffers=16MB', 'shared_buffers=32MB'));
    // containers of \`compose run\` are not the service's
    const oneOff = await compose('run', '--detach', '--entrypoint', 'sleep', 'pg', '60');
    const project = await load();
    expect(project.services.pg?.mounts[0]?.destination).toBe('/elsewhere');
    const pg = await resolveService(engine, project, 'pg');
    await removeContainer(engine, oneOff);
    expect(pg.containers).toEqual([
      {
        ...{ id: expect.any(String), name: `${name}-pg-1`, running: false, answers: false, neverStarted: true },
        ...{ restartPolicy: 'unless-stopped', stopTimeoutSeconds: 90 },
      },
    ]);
    expect(pg.user).toBe('999');
    expect(pg.commandArgs).toEqual(['postgres', '-c', 'shared_buffers=16MB']);
    expect(pg.env).toMatchObject({ PGDATA: '/data/below/pg', PG_MAJOR: '15' });
    const mount = resolveVolume(project, pg, 'db');
    expect(mount).toEqual({ type: 'volume', source: `${name}-fixed`, destination: '/data', readOnly: false });
    expect(mountHolding(pg.mounts, pg.env.PGDATA ?? '')).toEqual({ mount, relativePath: 'below/pg' });
    const host = { type: 'bind', source: join(dir, 'host'), destination: '/host', readOnly: true };
    expect(resolveVolume(project, pg, join(dir, 'host'))).toEqual(host);
    expect(pg.mounts).toContainEqual({ type: 'tmpfs', source: '', destination: '/scratch', readOnly: false });
    // the image's own volume, which nothing in the compose file covers
    const anonymous = pg.mounts.find(({ destination }) => destination === '/var/lib/postgresql/data');
    expect(anonymous?.source).toMatch(/^[0-9a-f]{64}$/);
  });

  it("shows the image's own volume that hides a folder of the mounted one", async () => {
    await write('compose.yaml', SERVER.replace('db:/var/lib/postgresql/data', 'db:/var/lib/postgresql'));
    const project = await load();
    const pg = await resolveService(engine, project, 'pg');
    const hidden = { type: 'volume', source: '', destination: '/var/lib/postgresql/data', readOnly: false };
    expect(mountHolding(pg.mounts, '/var/lib/postgresql/data')).toEqual({ mount: hidden, relativePath: '' });
    expect(resolveVolume(project, pg, 'db').destination).toBe('/var/lib/postgresql');
    await createService(engine, project, 'pg', signal);
    const created = await resolveService(engine, project, 'pg');
    expect(mountHolding(created.mounts, '/var/lib/postgresql/data')?.mount.source).toMatch(/^[0-9a-f]{64}$/);
  });

  it('has all its containers, the running one first', async () => {
    await write('compose.yaml', SERVER);
    await compose('up', '--no-start', '--scale', 'pg=2');
    await promisify(execFile)('docker', ['start', `${name}-pg-2`], { env: engine.env });
    const { containers } = await resolveService(engine, await load(), 'pg');
    expect(containers.map((container) => [container.name, container.running])).toEqual([
      [`${name}-pg-2`, true],
      [`${name}-pg-1`, false],
    ]);
  });

  it('that dies at each start runs, and does not answer', async () => {
    const looping = 'network_mode: none\n    restart: always\n    entrypoint: ["false"]';
    await write('compose.yaml', SERVER.replace('network_mode: none', looping));
    await compose('up', '--detach');
    const project = await load();
    const seen = async () => (await resolveService(engine, project, 'pg')).containers[0];
    await until('it is about to be restarted', async () => {
      const { running, answers } = (await seen()) ?? {};
      return running === true && answers === false;
    });
  });

  it('that the project does not have is told with those it has', async () => {
    await write('compose.yaml', `${SERVER.replace('volumes:\n  db:\n', '')}  app:\n    image: x\nvolumes:\n  db:\n`);
    const project = await load();
    for (const wanted of ['db', 'constructor']) {
      await expect(resolveService(engine, project, wanted)).rejects.toMatchObject({
        code: 'serviceNotFound',
        message: `compose project ${name} has no service ${wanted}`,
        hint: 'its services are: app, pg',
      });
    }
  });

  it('that compose cannot start says why', async () => {
    await write(
      'compose.yaml',
      SERVER.replace('postgres:15', 'odo-test/none:1').replace('network_mode', 'pull_policy: never\n    network_mode'),
    );
    await expect(startService(engine, await load(), 'pg', signal)).rejects.toMatchObject({
      code: 'recoveryFailed',
      message: expect.stringMatching(/cannot start service pg: .*odo-test\/none:1/),
    });
  });
});

describe('containersUsing', () => {
  it('sees who has a path of the host, or the like, in hand', async () => {
    const volumes = (...list: string[]) => list.map((volume) => `      - ${volume}\n`).join('');
    const service = (key: string, list: string) =>
      `  ${key}:\n    image: postgres:15\n    network_mode: none\n    entrypoint: sleep 60\n    volumes:\n${list}`;
    await mkdir(join(dir, 'data/pg'), { recursive: true });
    await mkdir(join(dir, 'data2'));
    const services = [
      service('same', volumes('./data:/a:ro')),
      service('below', volumes('./data/pg:/b')),
      service('above', volumes('.:/c')),
      service('watcher', volumes('.:/d:ro')),
      service('beside', volumes('./data2:/e')),
    ];
    await write('compose.yaml', `services:\n${services.join('')}`);
    await compose('up', '--detach');
    const using = await containersUsing(engine, [{ type: 'bind', source: join(dir, 'data') }]);
    const mine = using
      .filter((user) => user.name.startsWith(name))
      .map((user) => `${user.name.slice(name.length)} ${user.destination}`);
    expect(mine.sort()).toEqual(['-above-1 /c', '-below-1 /b', '-same-1 /a']);
  });
});
