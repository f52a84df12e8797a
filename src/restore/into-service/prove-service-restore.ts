import type { Mount } from '../../docker/client/mount.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Place } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces, TablespacePlace } from '../contract/places.ts';
import { createProofs, type Proofs } from '../contract/proofs.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { proveScripts, type SqlScript } from '../database/post-sql.ts';
import type { ProvenServer } from '../procedure/make-lay-down-job.ts';
import { proveConfiguration } from '../proofs/configuration.ts';
import { findLaterTablespaces, locateLater, lookAhead } from '../proofs/later-tablespaces.ts';
import { proveOldData, withRoomForSalvage } from '../proofs/prove-old-data.ts';
import { proveCluster, proveTargetSafe } from '../proofs/prove-place.ts';
import { proveRepository, type RestoreSource } from '../proofs/prove-repository.ts';
import { probedPlaces, proveSpace, roomWish } from '../proofs/prove-space.ts';
import { proveWriting } from '../proofs/prove-writing.ts';
import type { FoundService } from '../service/found-service.ts';
import { withMountsOf } from '../service/journal-mounts.ts';
import { withoutMountPoints } from '../service/mounted-files.ts';
import { proveNobodyElse, refuseHostServer } from '../service/nobody-else.ts';
import { proveLayout, refuseLayout } from '../service/prove-layout.ts';
import { proveOwner } from '../service/prove-owner.ts';
import { proveFit, proveService } from '../service/prove-service.ts';
import { proveSettings } from '../service/prove-settings.ts';
import { findServerFacts } from '../service/server-facts.ts';
import { isBelow, locateTablespaces, mountsOf, placesOfService } from '../service/service-places.ts';
import { proveStandby } from '../standby/standby.ts';
import type { OldDataJudgement } from '../volume/judge-old-data.ts';
import { openForLook, openWithStandIns } from './open-for-look.ts';

/** Everything that the proofs found out and the steps need. */
export interface ProvenService extends ProvenServer {
  mounts: ReturnType<typeof mountsOf>;
  /** The mounts that are not there yet. */
  missing: Mount[];
  scripts: readonly SqlScript[];
  /** Absent when the volume does not exist yet: a look would create it. */
  engine: Engine | undefined;
  /** What was on the volume at the proofs. Absent when the engine is. */
  probe: PlaceProbe | undefined;
  oldData: OldDataJudgement;
  /** The data directory is there already, so that something can be mounted over it. */
  isThere: boolean;
  proofs: Proofs['all'];
}

/**
 * Makes every check that the others leave possible, and tells all of them. Throws the first failure. By then nothing
 * has been touched.
 */
export async function proveServiceRestore(
  request: ServiceRequest,
  report: Report,
  context: { version: string; signal: AbortSignal },
): Promise<ProvenService> {
  const { signal } = context;
  const proofs = createProofs(report, signal);
  const configuration = await proveConfiguration(request, proofs);
  const scripts = await proveScripts(request.postSql, proofs);
  const named = await proveService(request.serviceRef, proofs, signal);
  const source = await proveRepository(request, proofs, signal);
  const major = named && (await proveFit(named, source?.backup, request, proofs, signal));
  const { standby } = request;
  if (named && standby) await proofs.attempt('standby', () => proveStandby(named, standby));
  if (named) await proveSettings(named, configuration, proofs, signal);
  const server = named && (await findServerFacts(named, signal));
  const tablespaces = named && (await proveTablespaces(named, source, request, proofs));

  const byName = named && tablespaces && placesOf(named, tablespaces);
  const isLikely = named !== undefined && (tablespaces?.length !== 0 || hasOtherMounts(named));
  const ahead = byName && source && lookAhead({ store: request.store, source, isLikely, signal });
  const look = named && byName && (await openForLook(named, byName.mounts, source, request, context, proofs));
  let engine = look?.engine;
  let missing = look?.missing ?? [];
  try {
    const first = byName && (await engine?.probe({ pgdata: byName.places.pgdata, tablespaces: [] }));
    const real = named && first && (await proofs.attempt('layout', () => proveLayout(named, first.pgdata)));
    const found = named && { ...named, data: real ?? named.data };
    const earlier = first?.pgdata.journalPlaces;
    let data = found && tablespaces && placesOf(found, tablespaces, earlier);
    const later =
      found &&
      data &&
      source &&
      (await proveLater(
        found,
        data.places,
        { source, old: first?.oldCluster, isLikely, ahead },
        request,
        proofs,
        signal,
      ));
    if (found && tablespaces && later && later.length > 0) data = placesOf(found, [...tablespaces, ...later], earlier);
    if (engine && found && byName && data && data.mounts.length > byName.mounts.length) {
      await engine.close();
      ({ engine, missing } = await openWithStandIns(found, data.mounts, request, context));
    }
    if (found) await proveNobodyElse(found, data?.mounts ?? [found.data.mount], proofs);
    const oldData =
      found &&
      engine &&
      data &&
      source &&
      (await proveOld(engine, found, data.places, source, request, proofs, signal));
    const probe =
      found &&
      engine &&
      data &&
      (await proveVolume(engine, found, data.places, missing, source, oldData, request, proofs));
    const owner = found && (await proveOwner(request, found, probe, proofs));
    if (engine && data && owner) await proveWriting(engine, data.places, owner, proofs);
    proofs.demandAll();
    if (!found || !source || !data || !later || !server || major === undefined || !owner)
      throw new OdoError('bug', 'a proof failed without an error');
    const isThere = probe?.exists === true;
    const facts = { ...server, isAnother: isAnotherCluster(probe, source.backup.systemIdentifier) };
    return {
      found,
      source,
      ...data,
      missing,
      major,
      configuration,
      server: facts,
      scripts,
      engine,
      probe,
      owner,
      isThere,
      oldData: oldData ?? {},
      proofs: proofs.all,
    };
  } catch (error) {
    await engine?.close();
    throw error;
  }
}

/**
 * Whether the restored server takes the place of another cluster than its own, or of none. False when that cannot be
 * told.
 */
function isAnotherCluster(probe: PlaceProbe | undefined, systemIdentifier: string | undefined): boolean {
  const old = probe?.old;
  if (old?.pgVersion === undefined) return true;
  return (
    systemIdentifier !== undefined && old.systemIdentifier !== undefined && old.systemIdentifier !== systemIdentifier
  );
}

/** Without a backup nothing is known of tablespaces; the data directory can be looked at all the same. */
async function proveTablespaces(
  found: FoundService,
  source: RestoreSource | undefined,
  request: ServiceRequest,
  proofs: Proofs,
) {
  if (!source) return [];
  return proofs.attempt('tablespaces', () => {
    const value = locateTablespaces(found.service, source.backup, request.tablespaces);
    placesOfService(found.data, value);
    return { evidence: value.map(({ oid, place }) => `${oid} at ${place.root}`).join(', ') || 'none', value };
  });
}

/** @param earlier places that an earlier restore has filled, and that have to be settled with the others */
function placesOf(
  found: FoundService,
  tablespaces: readonly (TablespacePlace & { mount: Mount })[],
  earlier?: readonly Place[],
) {
  const mounts = withMountsOf(found, mountsOf(found.data, tablespaces), earlier);
  return { places: placesOfService(found.data, tablespaces), mounts };
}

/** Tablespaces that the backup does not have, and that recovery will create. */
async function proveLater(
  found: FoundService,
  places: ClusterPlaces,
  known: Omit<Parameters<typeof findLaterTablespaces>[0], 'store' | 'signal'>,
  request: ServiceRequest,
  proofs: Proofs,
  signal: AbortSignal,
) {
  return proofs.attempt('later tablespaces', async () => {
    const { value = [], ...finding } = await findLaterTablespaces({ ...known, store: request.store, signal });
    const located = locateLater(found.service, value, places, request.moment !== undefined);
    placesOfService(found.data, [...places.tablespaces, ...located]);
    return { ...finding, value: located };
  });
}

/** Whether the service has other mounts that its server may write to: a tablespace may lie there. */
function hasOtherMounts({ service, data }: FoundService): boolean {
  const others = service.mounts.filter(({ type, readOnly }) => type !== 'tmpfs' && !readOnly);
  return others.some(({ destination }) => destination !== data.mount.destination);
}

async function proveVolume(
  engine: Engine,
  service: FoundService,
  places: ClusterPlaces,
  missing: readonly Mount[],
  source: RestoreSource | undefined,
  oldData: OldDataJudgement | undefined,
  request: ServiceRequest,
  proofs: Proofs,
): Promise<PlaceProbe | undefined> {
  const found = await proofs.attempt('volume content', async () => {
    const { pgdata, tablespaces } = await engine.probe(places, { measure: request.wipe });
    await refuseHostServer(service, pgdata);
    // Whether a server runs there was asked of Docker; a postmaster.pid says nothing across containers.
    const { server: _server, ...rest } = withoutMountPoints(service.data, pgdata);
    const { evidence } = proveTargetSafe(places.pgdata, rest, 'data directory', request);
    for (const [index, { place }] of places.tablespaces.entries()) {
      const there = tablespaces[index];
      refuseLayout(place, there?.layout);
      if (there) proveTargetSafe(place, there, 'tablespace', request);
    }
    // A stand-in lies on the engine's own disk, as a new volume will.
    const isElsewhere = ({ root }: Place) =>
      missing.some(
        (mount) => mount.type === 'bind' && (root === mount.destination || isBelow(root, mount.destination)),
      );
    const looked = tablespaces.map((there, index) => {
      const { place } = places.tablespaces[index] as TablespacePlace;
      return isElsewhere(place) ? undefined : there;
    });
    return { evidence, value: { probe: rest, places: probedPlaces(places, rest, looked) } };
  });
  const probe = found?.probe;
  if (!found || !probe || !source) return probe;
  await proofs.attempt('same cluster', () => proveCluster(probe, source.backup, request));
  await proofs.attempt('free space', () =>
    proveSpace(found.places, source.backup, withRoomForSalvage(source.wal, oldData?.salvage), {
      ...roomWish(request),
      besideServer: request.online,
    }),
  );
  return probe;
}

/** Proves that the restore loses nothing of the old data that no archive has. */
async function proveOld(
  engine: Engine,
  found: FoundService,
  places: ClusterPlaces,
  source: RestoreSource,
  request: ServiceRequest,
  proofs: Proofs,
  signal: AbortSignal,
) {
  const isInUse = found.service.containers.some(({ running }) => running);
  return proofs.attempt('old data', () => proveOldData({ engine, places, source, isInUse, signal }, request));
}
