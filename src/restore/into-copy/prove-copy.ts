import net from 'node:net';
import type { OldCluster } from '../../cluster/old-cluster.ts';
import type { Mount } from '../../docker/client/mount.ts';
import { missingVolumes } from '../../docker/compose/missing-mounts.ts';
import { volumeExists, withStandIns } from '../../docker/compose/volume.ts';
import { containersUsing } from '../../docker/containers/directory-users.ts';
import { inspectImage } from '../../docker/containers/image.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { createProofs, type Finding, type Proofs } from '../contract/proofs.ts';
import type { CopyRequest } from '../contract/request.ts';
import { proveScripts, type SqlScript } from '../database/post-sql.ts';
import type { ProvenServer } from '../procedure/make-lay-down-job.ts';
import { proveConfiguration } from '../proofs/configuration.ts';
import { findLaterTablespaces, placeLater } from '../proofs/later-tablespaces.ts';
import { proveReach } from '../proofs/prove-reach.ts';
import { proveRepository, type RestoreSource } from '../proofs/prove-repository.ts';
import { type ProbedPlace, probedPlaces, proveSpace } from '../proofs/prove-space.ts';
import { proveSwitch } from '../recovery/switch-service.ts';
import { copyData, copyLater, copyTablespaces } from '../service/copy-places.ts';
import type { FoundService } from '../service/found-service.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { proveOwner } from '../service/prove-owner.ts';
import { proveFit, proveService } from '../service/prove-service.ts';
import { proveSettings } from '../service/prove-settings.ts';
import { findServerFacts } from '../service/server-facts.ts';
import { mountsOf, placesOfService } from '../service/service-places.ts';
import { findLeftCopy, type LeftCopy } from './left-copy.ts';

/** Everything that the proofs found out about a copy, and the steps need. */
export interface ProvenCopy extends ProvenServer {
  /** The service as it is. `found` is that service with the copy's data in place of its own. */
  original: FoundService;
  /** The copy's volumes. */
  mounts: Mount[];
  /** What a killed run has left, and has to go first. */
  left: LeftCopy;
  scripts: readonly SqlScript[];
  proofs: Proofs['all'];
}

/**
 * Makes every check of a copy that the others leave possible, and tells all of them. Throws the first failure. By then
 * nothing has been made.
 */
export async function proveCopy(
  request: CopyRequest,
  name: string,
  report: Report,
  context: { version: string; signal: AbortSignal },
): Promise<ProvenCopy> {
  const { signal } = context;
  const proofs = createProofs(report, signal);
  const configuration = await proveConfiguration(request, proofs);
  const scripts = await proveScripts(request.postSql, proofs);
  const { copy } = request;
  const original = await proveService(request.serviceRef, proofs, signal);
  if (original && copy.kind === 'temporary' && copy.port !== 0)
    await proofs.attempt('port', () => provePort(original, copy.port));
  if (original && copy.kind === 'new-volume' && copy.switch)
    await proofs.attempt('override file', () => proveSwitch(original));
  const source = await proveRepository(request, proofs, signal);
  const major =
    original &&
    (await proveFit(
      original,
      source?.backup,
      { ...request, archives: copy.kind === 'new-volume' && copy.switch },
      proofs,
      signal,
    ));
  if (original) await proveSettings(original, configuration, proofs, signal);
  const server = original && (await findServerFacts(original, signal));
  const found = original && { ...original, data: copyData(original.data, name) };
  const old = original && (await lookAtOriginal(original, request, context));
  const places = found && source && (await provePlaces(found, source, old, request, proofs, signal));
  const volumes = found && places && source && (await proveVolumes(found, places, source, request, context, proofs));
  const owner = found && (await proveOwner(request, found, volumes?.probe, proofs));
  proofs.demandAll();
  if (!original || !found || !source || !places || !server || major === undefined || !owner || !volumes) {
    throw new OdoError('bug', 'a proof failed without an error');
  }
  const { left } = volumes;
  return { original, found, source, ...places, left, major, configuration, server, scripts, owner, proofs: proofs.all };
}

/**
 * Proves that nothing listens on the port of this machine. An engine on another one tells when the server is started.
 */
async function provePort({ docker }: FoundService, port: number): Promise<Finding> {
  if (!docker.host.startsWith('unix:')) return { state: 'unjudged', evidence: `the engine is at ${docker.host}` };
  const server = net.createServer();
  const fault = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(undefined));
  });
  if (fault?.code === 'EADDRINUSE') {
    throw new OdoError('unsafeTarget', `port ${port} of 127.0.0.1 is taken`, {
      hint: 'choose another with --port, or leave it out for a free one',
    });
  }
  if (fault) return { state: 'unjudged', evidence: `this user cannot try port ${port} (${fault.code})` };
  await new Promise((resolve) => server.close(resolve));
  return { evidence: `${port} of 127.0.0.1 is free` };
}

/**
 * What the service's own data tells of its cluster; undefined when it cannot be looked at. A server may be writing
 * there at this moment.
 */
async function lookAtOriginal(original: FoundService, request: CopyRequest, context: { version: string }) {
  const { docker, data } = original;
  const { mount, place } = data;
  const isThere = mount.type === 'bind' || (mount.source !== '' && (await volumeExists(docker, mount.source)));
  if (!isThere || !(await inspectImage(docker, request.serviceRef.image))) return undefined;
  const engine = await openServiceEngine(
    original,
    [{ ...mount, readOnly: true }],
    { serviceRef: request.serviceRef },
    context,
    'status',
  );
  try {
    return (await engine.probe({ pgdata: place, tablespaces: [] })).oldCluster;
  } finally {
    await engine.close();
  }
}

async function provePlaces(
  found: FoundService,
  source: RestoreSource,
  old: OldCluster | undefined,
  request: CopyRequest,
  proofs: Proofs,
  signal: AbortSignal,
) {
  return proofs.attempt('volumes', async () => {
    const own = copyTablespaces(source.backup, request.tablespaces, found.data);
    const isLikely = own.length > 0 || found.service.mounts.length > 1;
    const { value: later = [] } = await findLaterTablespaces({ store: request.store, source, old, isLikely, signal });
    const tablespaces = [...own, ...copyLater(placeLater(later, own), found.data)];
    const mounts = mountsOf(found.data, tablespaces);
    const places = placesOfService(found.data, tablespaces);
    return {
      evidence: mounts.map((mount) => `${mount.source} at ${mount.destination}`).join(', '),
      value: { mounts, places },
    };
  });
}

interface LookedVolumes {
  probe?: PlaceProbe;
  probed?: ProbedPlace[];
  left: LeftCopy;
}

/**
 * Proves that nobody uses the volumes, and that those which are there are empty, or hold what an interrupted run of
 * this laid down. What a killed run has left of its trial goes, with its volumes, since nobody has had them in use yet.
 */
async function proveVolumes(
  found: FoundService,
  { mounts, places }: { mounts: Mount[]; places: ClusterPlaces },
  source: RestoreSource,
  request: CopyRequest,
  context: { version: string; signal: AbortSignal },
  proofs: Proofs,
): Promise<LookedVolumes | undefined> {
  const { docker } = found;
  const proven = await proofs.attempt<LookedVolumes>('empty volumes', async () => {
    const left = await findLeftCopy(docker, found.data.mount.source);
    for (const { source: name } of mounts) await refuseUsed(docker, name, left);
    const servers = { servers: left.servers, volumes: [] };
    // Another proof tells of the missing image.
    if (!(await inspectImage(docker, request.serviceRef.image))) {
      return { evidence: 'cannot be looked at', state: 'unjudged', value: { left: servers } };
    }
    const looked = withStandIns(mounts, await missingVolumes(docker, mounts));
    const engine = await openServiceEngine(found, looked, request, context);
    try {
      await proveReach(engine, source, request, proofs, context.signal);
      const { pgdata, tablespaces } = await engine.probe(places);
      const { journalState } = pgdata;
      const isResumable = journalState === 'laying-down' || journalState === 'staged';
      // As long as the trial's server is there, nobody has been given the volume.
      const isOurs = left.servers.length > 0 && left.volumes.includes(found.data.mount.source);
      const isTrial = isOurs && journalState !== undefined && !isResumable;
      for (const { source: name, destination } of isResumable || isTrial ? [] : mounts) {
        const root = { root: destination, odoDir: places.pgdata.odoDir };
        const { pgdata: whole } = await engine.probe({ pgdata: root, tablespaces: [] });
        if (!whole.empty) throw notEmpty(name, whole, left);
      }
      const there = looked.filter((mount) => mount.source !== '').map((mount) => mount.source);
      if (isTrial) {
        const evidence = `${there.join(', ')} holds the trial of a run that was killed, and is made anew`;
        const { stagedBytes: _bytes, stagedFiles: _files, ...probe } = pgdata;
        return { evidence, value: { probe, probed: probedPlaces(places, probe, tablespaces), left } };
      }
      const value = { probe: pgdata, probed: probedPlaces(places, pgdata, tablespaces), left: servers };
      const rest = isResumable
        ? `${there.join(', ')} holds what an interrupted run laid down`
        : `${there.join(', ')} is empty`;
      return { evidence: there.length === 0 ? 'will be created' : rest, value };
    } finally {
      await engine.close();
    }
  });
  const probed = proven?.probed;
  if (probed) {
    const wish = { wipe: request.wipe, besideServer: true };
    await proofs.attempt('free space', () => proveSpace(probed, source.backup, source.wal, wish));
  }
  return proven;
}

async function refuseUsed(docker: FoundService['docker'], volume: string, left: LeftCopy): Promise<void> {
  const users = await containersUsing(docker, [{ type: 'volume', source: volume }]);
  const others = users.filter(({ id }) => !left.servers.includes(id));
  if (others.length === 0) return;
  throw new OdoError('unsafeTarget', `volume ${volume} is in use by ${others.map(({ name }) => name).join(', ')}`, {
    hint: 'choose the name of a volume that is not there yet',
  });
}

function notEmpty(volume: string, { sample }: PlaceProbe, left: LeftCopy): OdoError {
  const removal =
    `remove it: ${left.servers.map((id) => `docker rm -f ${id.slice(0, 12)} && `).join('')}docker volume rm ` +
    `${volume}`;
  const isFinished = left.volumes.includes(volume);
  return new OdoError('unsafeTarget', `volume ${volume} is not empty: it holds ${sample.join(', ')}`, {
    hint: isFinished
      ? 'it holds a copy that an earlier run has finished: to bring the service onto it, give the volume in ' +
        `the compose file the lines "name: ${volume}" and "external: true"; or choose another name; or, if ` +
        `nobody needs it, ${removal}`
      : `choose the name of a volume that is not there yet, or, if nobody needs what it holds, ${removal}`,
  });
}
