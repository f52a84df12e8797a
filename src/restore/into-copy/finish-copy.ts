import { removeContainer, stopContainer } from '../../docker/client/container.ts';
import { listCopyServers } from '../../docker/containers/copy-server.ts';
import { asOdoError } from '../../errors.ts';
import type { CopyRequest } from '../contract/request.ts';
import { runScripts } from '../database/post-sql.ts';
import { openServiceDatabase } from '../database/service-database.ts';
import { momentReport } from '../outcome/at-target.ts';
import { projectCommand } from '../outcome/compose-command.ts';
import { withHints } from '../outcome/failure-hints.ts';
import { commandFor } from '../outcome/odo-command.ts';
import type { Outcome } from '../outcome/receipt.ts';
import { uncheckedByServer } from '../procedure/prove-recovered.ts';
import { switchedNotes, switchService } from '../recovery/switch-service.ts';
import { type CopyRun, endingOf, serverName } from './copy-run.ts';
import type { RecoveredCopy } from './recover-copy.ts';

/** Ends the making of a copy: its server is left running, or its volume is handed over. */
export async function finishCopy(run: CopyRun, recovered: RecoveredCopy): Promise<Outcome> {
  const { request, proven, report, signal } = run;
  const { address, reached, notes, unasked } = recovered;
  const running = [`container ${serverName(run)} keeps running; ${endingOf(run)}`];
  if (unasked !== undefined && request.verify === 'full') {
    throw withHints(uncheckedByServer(unasked), [...running, ...leftOutOf(request, proven.original.service.name)]);
  }
  const database = openServiceDatabase(address, signal);
  await runScripts(proven.scripts, database, address.containerId, report, signal).catch((thrown: unknown) => {
    throw withHints(asOdoError(thrown, signal), running);
  });
  return {
    ...(request.moment ? { moment: momentReport(request.moment, proven.source, 'promoted') } : {}),
    reached,
    ...(request.copy.kind === 'temporary' ? await keepRunning(run, recovered) : await handOver(run, notes)),
  };
}

/** What the restore had been asked for besides, and has not done. */
function leftOutOf({ copy, postSql }: CopyRequest, service: string): string[] {
  const isSwitch = copy.kind === 'new-volume' && copy.switch;
  return [
    ...(isSwitch ? [`service ${service} was not switched to the new volume`] : []),
    ...(postSql === undefined ? [] : [`the scripts in ${postSql} were not run`]),
  ];
}

/** Ends the trial of the cluster on the new volume. The service goes over to that volume if it is wanted. */
async function handOver(run: CopyRun, notes: string[]): Promise<Pick<Outcome, 'downtimeMs' | 'notes'>> {
  const { request, proven, report, signal, name } = run;
  const { original } = proven;
  const { docker, service } = original;
  const ready = `volume ${name} holds the restored cluster, recovered and promoted`;
  if (run.serverId !== undefined) {
    await stopContainer(docker, run.serverId, request.stopTimeoutSeconds);
    await removeContainer(docker, run.serverId);
  }
  await run.engine?.close();
  run.engine = undefined;
  if (request.copy.kind !== 'new-volume' || !request.copy.switch) {
    const instead =
      `give the volume in the compose file the lines "name: ${name}" and "external: true", then ` +
      `${projectCommand(original.project, 'up', '-d', service.name)}`;
    return {
      notes: [...notes, ready, `service ${service.name} was left alone; to bring it onto the volume: ${instead}`],
    };
  }
  const { serviceRef, stopTimeoutSeconds, stallTimeoutMs } = request;
  const how = { serviceRef, stopTimeoutSeconds, stallTimeoutMs };
  const downtimeMs = await switchService(original, proven.mounts, how, report, signal).catch((thrown: unknown) => {
    throw withHints(asOdoError(thrown, signal), [ready]);
  });
  return { downtimeMs, notes: [...notes, ...switchedNotes(original, name, commandFor('rollback', request))] };
}

/** The part of the receipt on a temporary server. */
async function keepRunning(
  run: CopyRun,
  { address, notes }: RecoveredCopy,
): Promise<Pick<Outcome, 'temporary' | 'notes'>> {
  const { docker } = run.proven.found;
  const server = (await listCopyServers(docker, 'temporary')).find(({ id }) => id === address.containerId);
  const port = server?.port;
  const role = address.env.POSTGRES_USER ?? 'postgres';
  const inside = `to look around: docker exec -it ${run.name} psql`;
  return {
    temporary: { name: run.name, ...(port === undefined ? {} : { port }) },
    notes: [
      ...notes,
      port === undefined
        ? `the engine publishes no port of it; ${inside}`
        : `${inside}, or psql -h 127.0.0.1 -p ${port} -U ${role} with a password of the backup's`,
      `to fish rows out: docker exec ${run.name} pg_dump -t TABLE --data-only DATABASE > rows.sql`,
      `it archives nothing; ${endingOf(run)}`,
    ],
  };
}
