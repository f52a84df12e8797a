import { expect } from 'vitest';
import type { ComposeProject } from './compose-project.ts';
import { mustRun, until } from './run.ts';

/** What a run that failed may have done to a service. */
export interface Touched {
  /** The server was stopped and started again; otherwise it must have run all the time. */
  restarted: boolean;
  /** What was laid down is kept in `.odo`, for resuming; otherwise nothing of ODO's may be left. */
  kept?: boolean;
}

/** A service and its data as they were before a run of ODO that is to fail. */
export interface ServiceBefore {
  containerId: string;
  /**
   * Demands that nothing else has changed: the same container runs, the old row is there, the server can write, the data directory holds the same
   * names, and no restore container is left. What was kept is removed then, so that the next run starts afresh.
   */
  expectAsBefore(touched: Touched): Promise<void>;
}

/** Puts a row of its own into the database of a running service, and remembers the rest. */
export async function rememberService(
  project: ComposeProject,
  service: string,
  volume: string,
  dataDirectory: string,
): Promise<ServiceBefore> {
  const containerId = await project.containerId(service);
  const inService = (...argv: string[]) => mustRun('docker', ['exec', '-u', 'postgres', containerId, ...argv]);
  const sql = (text: string) => inService('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', text);
  const ready = () =>
    until(`${service} answers`, () =>
      sql('select 1').then(
        () => true,
        () => false,
      ),
    );
  await ready();
  await sql("create table if not exists old_data as select 'kept' as what");
  const names = async () => (await inService('ls', '-A', dataDirectory)).split('\n').sort();
  const state = () =>
    mustRun('docker', ['inspect', '-f', '{{.State.Running}} {{.RestartCount}} {{.State.StartedAt}}', containerId]);
  const namesBefore = await names();
  let stateBefore = await state();

  return {
    containerId,
    async expectAsBefore({ restarted, kept = false }) {
      expect(await project.containerId(service)).toBe(containerId);
      const stateNow = await state();
      if (restarted) expect(stateNow).not.toBe(stateBefore);
      else expect(stateNow).toBe(stateBefore);
      expect(stateNow).toMatch(/^true 0 /);
      stateBefore = stateNow;
      await ready();
      expect(await sql('select what from old_data; create table written_after as select 1; drop table written_after')).toBe(
        'kept',
      );
      expect(await names()).toEqual(kept ? ['.odo', ...namesBefore].sort() : namesBefore);
      if (kept) await mustRun('docker', ['exec', '-u', 'root', containerId, 'rm', '-r', `${dataDirectory}/.odo`]);
      expect(await restoreContainers(volume)).toBe('');
    },
  };
}

/** Ids of ODO's containers over a volume, running or not. */
export function restoreContainers(volume: string): Promise<string> {
  return mustRun('docker', ['ps', '-aq', '--filter', 'label=odo.role', '--filter', `volume=${volume}`]);
}
