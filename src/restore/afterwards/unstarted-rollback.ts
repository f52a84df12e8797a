import { type ContainerState, containerState } from '../../docker/client/container.ts';
import { resolveService } from '../../docker/compose/service.ts';
import { asOdoError } from '../../errors.ts';
import type { TargetProbe } from '../../tree/exchange/probe.ts';
import type { FoundService } from '../service/found-service.ts';

// A rollback exchanges the two contents, and starts the service. One that died in between is given again by whoever did
// not see its end; to exchange them once more would undo it.

/** Whether the last rollback has exchanged, and nothing has been started since. */
export async function isUnstarted({ docker, project, service }: FoundService, probe: TargetProbe): Promise<boolean> {
  if (probe.use?.setAsideAt === undefined || !probe.startable) return false;
  const { containers } = await resolveService(docker, project, service.name);
  const states = await Promise.all(
    containers.map(({ id }) =>
      containerState(docker, id).catch((thrown: unknown) => {
        const error = asOdoError(thrown);
        if (error.code === 'serviceNotFound') return undefined;
        throw error;
      }),
    ),
  );
  return isBeforeStart(
    probe.use,
    states.filter((state) => state !== undefined),
  );
}

/** The server writes pg_control at every start; one that cannot start on what is there has at least been tried. */
export function isBeforeStart(
  { setAsideAt, lastCheckpointAt }: NonNullable<TargetProbe['use']>,
  containers: readonly Pick<ContainerState, 'running' | 'startedAt'>[],
): boolean {
  if (setAsideAt === undefined || lastCheckpointAt === undefined) return false;
  const exchangedAt = Date.parse(setAsideAt);
  const isOlder = (time: Date) => time.getTime() < exchangedAt;
  return (
    isOlder(new Date(lastCheckpointAt)) &&
    containers.every(({ running, startedAt }) => !running && (!startedAt || isOlder(startedAt)))
  );
}
