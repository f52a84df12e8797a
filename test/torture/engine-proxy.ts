import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const ENGINE_SOCKET = '/var/run/docker.sock';

/** Stands between ODO and the engine, whose calls it can cut off, hold up or refuse. */
export interface EngineProxy {
  /** For DOCKER_HOST. */
  host: string;
  /** All calls under way break, and new ones are refused for so long. */
  breakFor(forMs: number): void;
  /** No byte passes for so long. */
  hangFor(forMs: number): void;
  close(): Promise<void>;
}

/** @param folder where its socket lies */
export async function startEngineProxy(folder: string): Promise<EngineProxy> {
  const socketPath = path.join(fs.mkdtempSync(path.join(folder, 'engine-')), 'docker.sock');
  const calls = new Set<net.Socket>();
  let refusesUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  const server = net.createServer({ allowHalfOpen: true }, (call) => {
    call.on('error', () => undefined);
    if (performance.now() < refusesUntil) return void call.destroy();
    const onward = net.connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
    for (const end of [call, onward]) {
      calls.add(end);
      end.on('close', () => calls.delete(end));
    }
    onward.on('error', () => call.destroy());
    call.on('close', () => onward.destroy());
    onward.on('close', () => call.destroy());
    call.pipe(onward).pipe(call);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    host: `unix://${socketPath}`,
    breakFor(forMs) {
      refusesUntil = performance.now() + forMs;
      for (const call of calls) call.destroy();
    },
    hangFor(forMs) {
      const held = [...calls];
      for (const call of held) call.pause();
      timer = setTimeout(() => {
        for (const call of held) call.resume();
      }, forMs);
    },
    async close() {
      clearTimeout(timer);
      const closed = once(server, 'close');
      server.close();
      for (const call of calls) call.destroy();
      await closed;
    },
  };
}
