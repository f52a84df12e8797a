import { describe, expect, it } from 'vitest';
import { composeWarnings, composeWords } from '../../../../src/docker/compose/compose.ts';
import { composeFlags } from '../../../../src/docker/compose/compose-call.ts';
import { parseProject, parseSeconds } from '../../../../src/docker/compose/parse-project.ts';

describe('parseProject', () => {
  // as `docker compose config --format json` (2.26) prints it
  const config = {
    name: 'shop',
    networks: { default: { name: 'shop_default', ipam: {} } },
    services: {
      app: {
        build: { context: '/srv/app', dockerfile: 'Dockerfile' },
        command: null,
        entrypoint: null,
        networks: { default: null },
      },
      pg: {
        command: ['postgres', '-c', 'archive_command=test $$PGDATA'],
        entrypoint: null,
        environment: { EMPTY: '', NOVAL: null, POSTGRES_PASSWORD: 'a$$b$$$$c' },
        image: 'postgres:15',
        stop_grace_period: '1m30s',
        tmpfs: ['/run:size=64m'],
        user: '999',
        shm_size: '2147483648',
        ulimits: { nproc: 65535, nofile: { soft: 20000, hard: 40000 } },
        sysctls: { 'kernel.shmmax': '9', 'net.core.somaxconn': 1024 },
        secrets: [
          { source: 'key', target: 'server.key' },
          { source: 'fromEnvironment' },
          { source: 'crt', target: '/tls/server.crt' },
        ],
        configs: [{ source: 'hba' }, { source: 'written', target: '/etc/postgresql/extra.conf' }],
        volumes: [
          { type: 'volume', source: 'db', target: '/var/lib/postgresql/data', volume: {} },
          { type: 'bind', source: '/srv/conf', target: '/etc/conf', read_only: true, bind: { create_host_path: true } },
          { type: 'volume', source: 'ext', target: '/ext', volume: { nocopy: true, subpath: 'a' } },
          { type: 'volume', target: '/anonymous', volume: {} },
          { type: 'tmpfs', target: '/x' },
          { type: 'npipe', source: '\\\\.\\pipe\\x', target: '/pipe' },
        ],
      },
    },
    volumes: { db: { name: 'shop_db' }, ext: { name: 'my_ext', external: true } },
    secrets: {
      key: { name: 'shop_key', file: '/srv/k' },
      crt: { file: '/srv/c' },
      fromEnvironment: { environment: 'PASSWORD' },
    },
    configs: { hba: { file: '/srv/hba' }, written: { name: 'shop_written', content: 'work_mem = 8MB\n' } },
  };
  const project = parseProject(JSON.stringify(config), ['/srv/compose.yaml']);

  it('reads services with their real volume names and unescaped dollars', () => {
    expect(project.services.pg).toEqual({
      image: 'postgres:15',
      environment: { EMPTY: '', POSTGRES_PASSWORD: 'a$b$$c' },
      user: '999',
      command: ['postgres', '-c', 'archive_command=test $PGDATA'],
      mounts: [
        { type: 'volume', source: 'shop_db', destination: '/var/lib/postgresql/data', readOnly: false },
        { type: 'bind', source: '/srv/conf', destination: '/etc/conf', readOnly: true },
        { type: 'volume', source: 'my_ext', destination: '/ext', readOnly: false, subpath: 'a' },
        { type: 'volume', source: '', destination: '/anonymous', readOnly: false },
        { type: 'tmpfs', source: '', destination: '/x', readOnly: false },
        { type: 'tmpfs', source: '', destination: '/run', readOnly: false },
        { type: 'bind', source: '/srv/k', destination: '/run/secrets/server.key', readOnly: true },
        { type: 'bind', source: '/srv/c', destination: '/tls/server.crt', readOnly: true },
        { type: 'bind', source: '/srv/hba', destination: '/hba', readOnly: true },
      ],
      // These are no mounts: compose writes them into the container.
      injectedFiles: ['/run/secrets/fromEnvironment', '/etc/postgresql/extra.conf'],
      limits: {
        ShmSize: 2147483648,
        Ulimits: [
          { Name: 'nproc', Soft: 65535, Hard: 65535 },
          { Name: 'nofile', Soft: 20000, Hard: 40000 },
        ],
        Sysctls: { 'kernel.shmmax': '9' },
      },
      stopGracePeriodSeconds: 90,
    });
  });

  it('names the image of a service that is built', () => {
    expect(project.services.app).toEqual({ image: 'shop-app', environment: {}, mounts: [] });
  });

  it('reads volumes', () => {
    expect(project).toMatchObject({
      name: 'shop',
      files: ['/srv/compose.yaml'],
      volumes: { db: { name: 'shop_db', external: false }, ext: { name: 'my_ext', external: true } },
    });
  });
});

describe('a call of compose', () => {
  it('has what the project needs before its own command, and nothing else', () => {
    expect(composeFlags({ files: ['a.yaml', 'b.yaml'] })).toEqual(['-f', 'a.yaml', '-f', 'b.yaml']);
    const whole = {
      files: ['a.yaml'],
      projectName: 'shop',
      projectDirectory: '/srv',
      envFiles: ['/srv/1.env', '/srv/2.env'],
    };
    expect(composeFlags(whole).join(' ')).toBe(
      '--env-file /srv/1.env --env-file /srv/2.env --project-directory /srv -f a.yaml --project-name shop',
    );
  });
});

it('is no project, and no bug, what is not JSON', () => {
  expect(() => parseProject('>>>> Executing external compose provider\n', ['/srv/compose.yaml'])).toThrow(
    expect.objectContaining({
      code: 'serviceNotFound',
      message: expect.stringContaining('/srv/compose.yaml: compose gave no JSON'),
    }),
  );
});

describe('what compose warns of', () => {
  it('is told in its own words, each thing once, and not what nobody has to do anything about', () => {
    const stderr = [
      'time="2026-11-21T10:00:00Z" level=warning msg="The \\"PGVOL\\" variable is not set. Defaulting to a ' +
        'blank string."',
      'time="2026-11-21T10:00:01Z" level=warning msg="The \\"PGVOL\\" variable is not set. Defaulting to a ' +
        'blank string."',
      'WARN[0000] network default: network.external.name is deprecated',
      'time="2026-11-21T10:00:00Z" level=warning msg="/srv/compose.yaml: the attribute `version` is ' +
        'obsolete, it will be ignored"',
      ' Container shop-db-1  Created',
      '',
    ].join('\n');
    expect(composeWarnings(stderr)).toEqual([
      'The "PGVOL" variable is not set. Defaulting to a blank string.',
      'network default: network.external.name is deprecated',
    ]);
    expect(composeWarnings('')).toEqual([]);
  });
});

describe('parseSeconds', () => {
  it.each([
    ['1m30s', 90],
    ['1h0m0.5s', 3601],
    ['500ms', 1],
    ['10s', 10],
    ['0s', 0],
    ['soon', undefined],
    ['', undefined],
  ])('reads %s', (text, seconds) => {
    expect(parseSeconds(text)).toBe(seconds);
  });
});

describe('composeWords', () => {
  it('leaves out warnings and progress', () => {
    const stderr = [
      'time="2026-01-02T03:04:05Z" level=warning msg="The \\"X\\" variable is not set. Defaulting to a blank string."',
      ' Container shop-pg-1  Creating',
      'validating /srv/compose.yaml: services.a Additional property imagee is not allowed',
      '',
    ].join('\n');
    expect(composeWords(stderr)).toBe(
      'validating /srv/compose.yaml: services.a Additional property imagee is not allowed',
    );
  });
});
