import http from 'node:http';
import type { AddressInfo } from 'node:net';
import Dockerode from 'dockerode';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import { openRestoreContainer } from '../../../../src/docker/containers/restore-container.ts';

/** An engine that answers as Podman's Docker-compatible service does. */
let server: http.Server;
let engine: DockerEngine;
let refusal: string | undefined;

const OPTIONS = { image: 'odo', cmd: ['agent'], mounts: [], network: 'host', name: 'odo-x' };
const never = new AbortController().signal;

beforeEach(async () => {
  refusal = undefined;
  server = http.createServer((request, response) => {
    const { url = '', method } = request;
    const answer = (status: number, value: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (url.includes('/containers/create'))
      return refusal ? answer(500, { message: refusal }) : answer(201, { Id: 'c1' });
    if (url.endsWith('/json')) {
      const State = { Running: true, Status: 'running' };
      return answer(200, {
        Id: 'c0',
        State,
        Config: { Labels: { 'odo.holder': 'a restore of db' } },
        Created: '2025-01-01',
      });
    }
    answer(method === 'DELETE' ? 204 : 304, {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const docker = new Dockerode({ protocol: 'http', host: '127.0.0.1', port });
  engine = { docker, host: 'fake', env: {}, version: '5.8', apiVersion: '1.41' };
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('knows a taken name by the words, and says who is at work', async () => {
  refusal =
    'creating container storage: the container name "odo-x" is already in use by c0: that name is already in use';
  await expect(openRestoreContainer(engine, OPTIONS, never)).rejects.toMatchObject({
    code: 'unsafeTarget',
    message: 'another odo is at work: a restore of db',
  });
});

it('tells of a network that is not there already when the container is made', async () => {
  refusal = 'unable to find network with name or ID nonet: network not found';
  await expect(openRestoreContainer(engine, { ...OPTIONS, network: 'nonet' }, never)).rejects.toMatchObject({
    code: 'serviceNotFound',
    message: expect.stringContaining('nonet'),
    hint: 'see `docker network ls`',
  });
});
