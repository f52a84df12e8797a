import { inspectContainer, lastWords } from './container-facts.ts';
import { askServer, mustAskServer } from './in-container.ts';
import { OWN } from './own.ts';
import { mustRun, run, until } from './run.ts';

let servers = 0;

/** A PostgreSQL container started by nothing but `docker run`, on a volume or directory that is there already. */
export interface PlainServer {
  sql(text: string): Promise<string>;
  /**
   * Waits until recovery has ended and the server was promoted; a server that died instead is an error with its log.
   */
  promoted(): Promise<void>;
  /** Stops it as `docker stop` does, so that the data directory is at rest. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}

export interface PlainServerOptions {
  image: string;
  /** `docker run`'s own -v: VOLUME:PATH. */
  mount: string;
  /** Further options of `docker run`. */
  more?: readonly string[];
}

export async function startPlainServer({ image, mount, more = [] }: PlainServerOptions): Promise<PlainServer> {
  const name = `odo-test-plain-${OWN}-${++servers}`;
  // A network of its own would cost more than the rest of the start; on the host's it listens to nobody.
  const start = ['run', '-d', '--name', name, '--network', 'host', '-v', mount, ...more, image];
  await mustRun('docker', [...start, 'postgres', '-c', 'listen_addresses=']);
  return {
    sql: (text) => mustAskServer(name, text),
    promoted: () =>
      until(`${name} is promoted`, async () => {
        const answer = await askServer(name, 'select pg_is_in_recovery()');
        if (answer.stdout.trim() === 'f') return true;
        if ((await inspectContainer(name)).State.Running) return false;
        throw new Error(`${name} has ended:\n${await lastWords(name)}`);
      }),
    async stop() {
      await mustRun('docker', ['stop', '-t', '60', name]);
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', name]);
    },
  };
}
