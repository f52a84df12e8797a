import { userInImage } from '../../docker/containers/image.ts';
import { asOdoError } from '../../errors.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Proofs } from '../contract/proofs.ts';
import type { RestoreRequest } from '../contract/request.ts';
import type { FoundService } from './found-service.ts';
import { chooseOwner, namedUser } from './service-places.ts';

/** Who is to own the files of the restored cluster. */
export async function proveOwner(
  request: RestoreRequest,
  found: FoundService,
  probe: PlaceProbe | undefined,
  proofs: Proofs,
) {
  return proofs.attempt('owner', async () => {
    const image = found.service.imageId ?? found.service.imageRef;
    const name = namedUser(found.service) ?? 'postgres';
    const imageUser = await userInImage(found.docker, image, name, found.service.containers[0]?.id).catch(
      (error: unknown) => {
        // A missing image is told by another proof.
        if (asOdoError(error).code === 'versionMismatch') return undefined;
        throw error;
      },
    );
    const { owner, because } = chooseOwner(request.owner, found.service, probe, imageUser);
    return { evidence: `${owner.uid}:${owner.gid}, ${because}`, value: owner };
  });
}
