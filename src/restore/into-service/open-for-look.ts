import type { Mount } from '../../docker/client/mount.ts';
import { missingPath, missingVolumes } from '../../docker/compose/missing-mounts.ts';
import { withStandIns } from '../../docker/compose/volume.ts';
import { inspectImage } from '../../docker/containers/image.ts';
import { asOdoError } from '../../errors.ts';
import type { Engine } from '../contract/engine.ts';
import type { Proofs } from '../contract/proofs.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { proveReach } from '../proofs/prove-reach.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import type { FoundService } from '../service/found-service.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';

/**
 * Opens the restore image to look at the volume. A mount that is not there yet is as good as empty. Gives an engine
 * only when the data's mount is there.
 */
export async function openForLook(
  found: FoundService,
  mounts: readonly Mount[],
  source: RestoreSource | undefined,
  request: ServiceRequest,
  context: { version: string; signal: AbortSignal },
  proofs: Proofs,
): Promise<{ engine?: Engine; missing: Mount[] } | undefined> {
  const { mount } = found.data;
  if (!(await inspectImage(found.docker, request.serviceRef.image))) return undefined;
  const opened = await proofs.attempt('lock', async () => {
    const value = await openWithStandIns(found, mounts, request, context);
    const created = value.missing.map(({ source }) => `; ${source} will be created`).join('');
    return { evidence: `no other odo is at work on ${mount.source}${created}`, value };
  });
  if (!opened) return undefined;
  const { engine, missing } = opened;
  try {
    await proveReach(engine, source, request, proofs, context.signal);
  } catch (error) {
    await engine.close();
    throw error;
  }
  if (!missing.includes(mount)) return opened;
  // The image is the right one, and there is nothing to look at.
  await engine.close();
  return { missing };
}

/** Opens the engine over those mounts. A mount that is not there gets a stand-in, and is named in `missing`. */
export async function openWithStandIns(
  found: FoundService,
  mounts: readonly Mount[],
  request: ServiceRequest,
  context: { version: string },
): Promise<{ engine: Engine; missing: Mount[] }> {
  const missing = await missingVolumes(found.docker, mounts);
  for (;;) {
    try {
      return { engine: await openServiceEngine(found, withStandIns(mounts, missing), request, context), missing };
    } catch (thrown) {
      const error = asOdoError(thrown);
      const path = missingPath(error, mounts);
      if (!path || missing.includes(path)) throw error;
      missing.push(path);
    }
  }
}
