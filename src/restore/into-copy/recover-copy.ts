import { startCopyServer } from '../../docker/containers/copy-server.ts';
import { inPhase } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { DatabaseAddress } from '../database/service-database.ts';
import { proveRecovered } from '../procedure/prove-recovered.ts';
import { archivingOf } from '../proofs/configuration.ts';
import { tellLag, wayToReplay } from '../proofs/replay-lag.ts';
import { openRecoveringVolume } from '../recovery/recovering-volume.ts';
import { cleanUp, type SeenThrough, seeThroughRecovery } from '../recovery/service-control.ts';
import { copyMounts, copyServerArgs } from '../service/copy-places.ts';
import { engineOf } from '../service/engine-of.ts';
import { type CopyRun, labelsOf, serverName } from './copy-run.ts';

/** A copy whose server is promoted, and whose recovery has left nothing behind. */
export interface RecoveredCopy extends Pick<SeenThrough, 'reached' | 'unasked'> {
  address: DatabaseAddress;
  /** Notes for the person. */
  notes: string[];
}

/** Starts a server of the service's image on the copy, sees it recover and be promoted, and checks it. */
export async function recoverCopy(run: CopyRun, laidDown: LaidDown): Promise<RecoveredCopy> {
  const { request, proven, report, signal } = run;
  const { places, source } = proven;
  const { service } = proven.found;
  const address = await inPhase(report, 'start', () => startServer(run));
  const volume = openRecoveringVolume((step) => step(engineOf(run)), places, service);
  const seen = await seeThroughRecovery(
    address,
    { stallTimeoutMs: request.stallTimeoutMs, atTarget: 'promote', volume },
    tellLag(report, wayToReplay(source)),
    signal,
  );
  const recovered = {
    ...run,
    isCopy: true,
    onEngine: <T>(step: (engine: Engine) => Promise<T>) => step(engineOf(run)),
  };
  const checked = await proveRecovered(recovered, seen, laidDown);
  signal.throwIfAborted();
  const archiving = archivingOf(proven.configuration);
  const configured = await cleanUp(
    engineOf(run),
    { places, archiving, keepPrevious: false, service, request, neverArchives: request.copy.kind === 'temporary' },
    seen.database,
    report,
  );
  const { reached, unasked } = seen;
  return { address, reached, notes: [...checked, ...configured], ...(unasked === undefined ? {} : { unasked }) };
}

async function startServer(run: CopyRun): Promise<DatabaseAddress> {
  const { request, proven, signal } = run;
  const { docker, service, data } = proven.found;
  const { copy } = request;
  signal.throwIfAborted();
  const role = service.env.POSTGRES_USER || 'postgres';
  const osUser = `${proven.owner.uid}:${proven.owner.gid}`;
  run.serverId = await startCopyServer(docker, {
    name: serverName(run),
    image: service.imageId ?? service.imageRef,
    args: copyServerArgs(service, data.place.root, copy.kind === 'temporary'),
    user: proven.owner,
    mounts: copyMounts(service, proven.mounts),
    // So that psql and pg_dump, called in the container without any option, find the server.
    env: { PGDATA: data.place.root, PGHOST: '/tmp', PGUSER: role },
    labels: labelsOf(run),
    ...(service.limits ? { limits: service.limits } : {}),
    ...(copy.kind === 'temporary' ? { port: copy.port } : {}),
  });
  const { POSTGRES_PASSWORD = '' } = service.env;
  const env = { POSTGRES_USER: role, POSTGRES_PASSWORD };
  return { docker, containerId: run.serverId, dataDirectory: data.place.root, env, osUser };
}
