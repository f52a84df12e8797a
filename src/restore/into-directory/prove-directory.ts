import { OdoError } from '../../errors.ts';
import { demandFree } from '../../tree/exchange/lock.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import { createProofs, type Proofs } from '../contract/proofs.ts';
import type { DirectoryRequest } from '../contract/request.ts';
import type { Tools } from '../procedure/restore.ts';
import { type Configuration, proveConfiguration } from '../proofs/configuration.ts';
import { proveOldData, withRoomForSalvage } from '../proofs/prove-old-data.ts';
import { proveCluster, proveTargetSafe } from '../proofs/prove-place.ts';
import { proveRepository, type RestoreSource } from '../proofs/prove-repository.ts';
import { probedPlaces, proveSpace } from '../proofs/prove-space.ts';
import { proveWriting } from '../proofs/prove-writing.ts';
import { refuseLayout } from '../service/prove-layout.ts';
import type { OldDataJudgement } from '../volume/judge-old-data.ts';
import { ownerOf, placesOfDirectory, withLater } from './directory-places.ts';

/** Everything that the proofs found out about a directory, and the steps need. */
export interface ProvenDirectory {
  source: RestoreSource;
  places: ClusterPlaces;
  configuration: Configuration;
  oldData: OldDataJudgement | undefined;
  owner: Owner | undefined;
  proofs: Proofs['all'];
}

/**
 * Makes every check that the others leave possible, and tells all of them. Throws the first failure. Nothing is
 * touched.
 */
export async function proveDirectory(
  request: DirectoryRequest,
  engine: Engine,
  { report, signal }: Tools,
): Promise<ProvenDirectory> {
  const proofs = createProofs(report, signal);
  const owner = ownerOf(request);
  const configuration = await proveConfiguration(request, proofs);
  const source = await proveRepository(request, proofs, signal);
  const places = await proofs.attempt('target', () => provePlaces(request, engine, source, signal));
  if (places) {
    await proofs.attempt('lock', async () => {
      await demandFree(places.pgdata.odoDir);
      return { evidence: `no other odo is at work on ${places.pgdata.root}` };
    });
  }
  let oldData: OldDataJudgement | undefined;
  if (source && places) {
    const look = { engine, places, source, isInUse: false, signal };
    oldData = await proofs.attempt('old data', () => proveOldData(look, request));
    await proofs.attempt('same cluster', () => proveCluster(places.probe, source.backup, request));
    await proofs.attempt('free space', () =>
      proveSpace(places.probed, source.backup, withRoomForSalvage(source.wal, oldData?.salvage), request),
    );
  }
  if (places) await proveWriting(engine, places, owner, proofs);
  proofs.demandAll();
  if (!source || !places) throw new OdoError('bug', 'a proof failed without an error');
  const { pgdata, tablespaces } = places;
  return { source, places: { pgdata, tablespaces }, configuration, oldData, owner, proofs: proofs.all };
}

/** Finds the places, and proves that nothing in the directories is in the way. */
async function provePlaces(
  request: DirectoryRequest,
  engine: Engine,
  source: RestoreSource | undefined,
  signal: AbortSignal,
) {
  const own = placesOfDirectory(request, source?.backup);
  const value = source ? await withLater(request, source, own, await engine.probe(own), signal) : own;
  const probe = await engine.probe(value, { measure: request.wipe });
  refuseLayout(value.pgdata, probe.pgdata.layout);
  const { evidence } = proveTargetSafe(value.pgdata, probe.pgdata, 'data directory', request);
  for (const [index, { place }] of value.tablespaces.entries()) {
    const found = probe.tablespaces[index];
    refuseLayout(place, found?.layout);
    if (found) proveTargetSafe(place, found, 'tablespace', request);
  }
  const probed = probedPlaces(value, probe.pgdata, probe.tablespaces);
  return { evidence, value: { ...value, probe: probe.pgdata, probed } };
}
