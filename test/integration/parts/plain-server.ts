import { OWN } from './own.ts';
import { mustRun, run, until } from './run.ts';

let servers = 0;

/** A PostgreSQL container started by nothing but `docker run`, on a volume or directory that is there already. */
export interface PlainServer {
  sql(text: string): Promise<string>;
  /** Waits until recovery has ended and the server was promoted; a server that died instead is an error with its log. */
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
  await mustRun('docker', ['run', '-d', '--name', name, '--network', 'none', '-v', mount, ...more, image]);
  const ask = (text: string) => ['exec', '-u', 'postgres', name, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text];
  return {
    sql: (text) => mustRun('docker', ask(text)),
    promoted: () =>
      until(`${name} is promoted`, async () => {
        const answer = await run('docker', ask('select pg_is_in_recovery()'));
        if (answer.stdout.trim() === 'f') return true;
        if ((await mustRun('docker', ['inspect', '-f', '{{.State.Running}}', name])) === 'true') return false;
        const log = await run('docker', ['logs', '--tail', '30', name]);
        throw new Error(`${name} has ended:\n${log.stdout}${log.stderr}`);
      }),
    async stop() {
      await mustRun('docker', ['stop', '-t', '60', name]);
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', name]);
    },
  };
}
