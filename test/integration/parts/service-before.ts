import { expect } from 'vitest';
import type { ComposeProject } from './compose-project.ts';
import { containersWith, inspectContainer } from './container-facts.ts';
import { execIn, mustExecIn } from './in-container.ts';
import { until } from './run.ts';

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
   * Demands that nothing else has changed: the same container runs, the old row is there, the server can write, the
   * data directory holds the same names, and no restore container is left. What was kept is removed then, so that the
   * next run starts afresh.
   */
  expectAsBefore(touched: Touched): Promise<void>;
}

const NO_ANSWER = 99;

/** In one call of the engine: its first argument is what the server is asked, its second the data directory. */
const ASK = `
ask() { psql -XAtq -v ON_ERROR_STOP=1 -d postgres -c "$1"; }
for n in $(seq 50); do
  if ask 'select 1' >/dev/null 2>&1; then ask "$0" && exec ls -A "$1" || exit 1; fi
  sleep 0.1
done
exit ${NO_ANSWER}`;

/** Puts a row of its own into the database of a running service, and remembers the rest. */
export async function rememberService(
  project: ComposeProject,
  service: string,
  volume: string,
  dataDirectory: string,
): Promise<ServiceBefore> {
  const containerId = await project.containerId(service);
  /** Waits until the server answers, and gives the first line of its answer and the names in the data directory. */
  const ask = async (sql: string) => {
    let answer = '';
    await until(`${service} answers`, async () => {
      const script = ['sh', '-c', ASK, sql, dataDirectory];
      const { code, stdout, stderr } = await execIn(containerId, script, { user: 'postgres' });
      if (code !== 0 && code !== NO_ANSWER) throw new Error(`${service} was asked ${sql}\n${stdout}\n${stderr}`);
      answer = stdout;
      return code === 0;
    });
    const [first = '', ...names] = answer.replace(/\n$/, '').split('\n');
    return { first, names: names.sort() };
  };
  const state = async () => {
    const { State, RestartCount } = await inspectContainer(containerId);
    return `${State.Running} ${RestartCount} ${State.StartedAt}`;
  };
  const { names: namesBefore } = await ask(
    "create table if not exists old_data as select 'kept' as what; select what from old_data",
  );
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
      const { first, names } = await ask(
        'select what from old_data; create table written_after as select 1; drop table written_after',
      );
      expect(first).toBe('kept');
      expect(names).toEqual(kept ? ['.odo', ...namesBefore].sort() : namesBefore);
      if (kept) await mustExecIn(containerId, ['rm', '-r', `${dataDirectory}/.odo`], { user: 'root' });
      expect(await restoreContainers(volume)).toBe('');
    },
  };
}

/** Ids of ODO's containers over a volume, running or not. */
export function restoreContainers(volume: string): Promise<string> {
  return containersWith({ label: ['odo.role'], volume: [volume] });
}
