import { execIn, mustExecIn } from './in-container.ts';
import { OWN } from './own.ts';
import { mustRun, run, until } from './run.ts';

let containers = 0;

/**
 * A container that sees a folder and has PostgreSQL's programs, for starting servers on directories below that folder.
 */
export interface DirectoryServers {
  /** Starts a server as the postgres user, waits until it was promoted, asks it, and ends it. */
  askPromoted(directory: string, sql: string): Promise<string>;
  remove(): Promise<void>;
}

export async function startDirectoryServers(major: number, folder: string): Promise<DirectoryServers> {
  const name = `odo-test-servers-${OWN}-${++containers}`;
  const mount = ['-v', `${folder}:${folder}`, '--network', 'host', '--init'];
  await mustRun('docker', [
    'run',
    '-d',
    '--name',
    name,
    '--user',
    '999:999',
    ...mount,
    '--entrypoint',
    'sleep',
    `postgres:${major}`,
    'infinity',
  ]);
  const pgCtl = (directory: string, ...args: string[]) =>
    mustExecIn(name, ['pg_ctl', '-D', directory, '-w', '-s', '-t', '240', ...args]);

  return {
    async askPromoted(directory, sql) {
      const ask = (text: string) =>
        mustExecIn(name, ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', directory, '-d', 'postgres', '-c', text]);
      const log = `${directory}/server.log`;
      try {
        await pgCtl(
          directory,
          'start',
          '-l',
          log,
          '-o',
          `-c listen_addresses= -c unix_socket_directories=${directory}`,
        );
        await until('the server is promoted', async () => (await ask('select pg_is_in_recovery()')) === 'f', 120_000);
        return await ask(sql);
      } catch (error) {
        const { stdout } = await execIn(name, ['tail', '-n', '20', log]);
        throw new Error(`${(error as Error).message}\n${stdout}`, { cause: error });
      } finally {
        await execIn(name, ['pg_ctl', '-D', directory, '-m', 'immediate', '-w', 'stop']);
      }
    },
    async remove() {
      await run('docker', ['rm', '-f', '-v', name]);
    },
  };
}
