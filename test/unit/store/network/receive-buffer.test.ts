import http from 'node:http';
import { expect, test } from 'vitest';
import { createAgents } from '../../../../src/store/network/connection.ts';
import { isInReceiveBuffer } from '../../../../src/store/network/receive-buffer.ts';
import type { ObjectStore } from '../../../../src/store/objects/object-store.ts';
import { readRanged } from '../../../../src/store/reading/ranged-read.ts';
import { startScriptedServer } from '../../parts/scripted-s3.ts';

/** The answer to a request for everything, with its body unread. */
function get(endpoint: string, agent: http.Agent): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => http.get(endpoint, { agent }, resolve).on('error', reject));
}

test('what nobody takes is left in the network', async () => {
  let sentBytes = 0;
  const server = await startScriptedServer((_, response) => {
    const piece = Buffer.alloc(1 << 20);
    const send = () => {
      while (sentBytes < 200 << 20) {
        sentBytes += piece.length;
        if (!response.write(piece)) return response.once('drain', send);
      }
      return response.end();
    };
    send();
  });
  const { httpAgent } = createAgents({}, 1);
  try {
    const answer = await get(server.endpoint, httpAgent);
    const chunks = answer[Symbol.asyncIterator]();
    await chunks.next();
    // It comes to rest when the buffers between the two are full.
    for (let before = -1; before !== sentBytes; ) {
      before = sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(sentBytes).toBeLessThan(100 << 20);
    let receivedBytes = 0;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) receivedBytes += next.value.length;
    expect(receivedBytes).toBeGreaterThan(198 << 20);
    expect(sentBytes).toBe(200 << 20);
  } finally {
    httpAgent.destroy();
    await server.close();
  }
});

test('a chunk that the next read would overwrite is refused, wherever it comes from', async () => {
  const server = await startScriptedServer((_, response) => response.end('some bytes'));
  const { httpAgent } = createAgents({}, 1);
  try {
    const raw = new Promise<Buffer>((resolve) => {
      http
        .get(server.endpoint, { agent: httpAgent }, (answer) => answer.resume())
        .on('socket', (socket) => socket.on('data', resolve));
    });
    const chunk = await raw;
    expect(isInReceiveBuffer(chunk)).toBe(true);
    const store = { url: 's3://backups', read: async () => [chunk], retryForMs: 0 } as unknown as ObjectStore;
    const reading = readRanged(store, { key: 'base.tar', sizeBytes: chunk.length });
    await expect(reading.next()).rejects.toThrow('lie where the next ones will come');
  } finally {
    httpAgent.destroy();
    await server.close();
  }
});

test('the chunks of a body are not there', async () => {
  const server = await startScriptedServer((_, response) => response.end(Buffer.alloc(1 << 20)));
  const { httpAgent } = createAgents({}, 1);
  try {
    for await (const chunk of await get(server.endpoint, httpAgent)) expect(isInReceiveBuffer(chunk)).toBe(false);
  } finally {
    httpAgent.destroy();
    await server.close();
  }
});
