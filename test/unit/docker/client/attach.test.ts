import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import Dockerode from 'dockerode';
import { afterEach, expect, it } from 'vitest';
import { attach } from '../../../../src/docker/client/attach.ts';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

let server: http.Server;
let address: string | undefined;
let stdin = '';

/** Hands everything behind the request's headers to the container's standard input, its body, too, as Podman does. */
async function startEngine(): Promise<DockerEngine> {
  const socketPath = path.join(scratchDirectory(), 'engine.sock');
  server = http.createServer((_request, response) => response.writeHead(404).end('{"message":"no such container"}'));
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    address = request.url;
    stdin += head;
    socket.on('data', (bytes) => {
      stdin += bytes;
    });
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    socket.write('from the container');
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return { docker: new Dockerode({ socketPath }) } as unknown as DockerEngine;
}

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('gives the container what is written, and nothing of the request', async () => {
  const stream = await attach(await startEngine(), 'a1b2');
  const [answer] = await once(stream, 'data');
  expect(String(answer)).toBe('from the container');
  stream.write('{"id":1}\n');
  await expect.poll(() => stdin).toContain('{"id":1}\n');
  expect(stdin.split('\n').filter(Boolean)).toEqual(['{"id":1}']);
  const asked = new URL(address ?? '', 'http://engine');
  expect(asked.pathname).toBe('/containers/a1b2/attach');
  const flags = Object.fromEntries(asked.searchParams);
  expect(flags).toMatchObject({
    stream: expect.stringMatching(/^(1|true)$/),
    stdin: expect.stringMatching(/^(1|true)$/),
  });
  expect(Object.keys(flags).sort()).toEqual(['stderr', 'stdin', 'stdout', 'stream']);
  stream.destroy();
});
