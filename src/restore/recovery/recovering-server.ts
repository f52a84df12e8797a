import { containerState, logsSince, startContainer, stopContainer } from '../../docker/client/container.ts';
import type { DockerEngine } from '../../docker/client/engine.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { RecoveringServer } from './watched.ts';

const LOG_LINES = 50;
/** A restartpoint of a large server takes its time. */
const STOP_SECONDS = 300;
/** After so many failures in a row, the log is no longer read. */
const MOST_FAILURES = 3;

/**
 * The server of a container. A log that cannot be read, say because its driver keeps none, is done without, after a
 * warning.
 */
export function openRecoveringServer(docker: DockerEngine, containerId: string, report: Report): RecoveringServer {
  let failures = 0;
  return {
    state: () => containerState(docker, containerId),
    async log(since) {
      if (failures >= MOST_FAILURES) return undefined;
      try {
        const text = await logsSince(docker, containerId, Math.floor(since.getTime() / 1000), LOG_LINES);
        failures = 0;
        return text;
      } catch (error) {
        if (!(error instanceof OdoError)) throw error;
        failures++;
        if (failures === MOST_FAILURES) {
          const message = `the recovery is followed without the server's log: ${error.message}`;
          report({ type: 'note', level: 'warning', message });
        }
        return undefined;
      }
    },
    async restart() {
      await stopContainer(docker, containerId, STOP_SECONDS);
      await startContainer(docker, containerId);
    },
  };
}
