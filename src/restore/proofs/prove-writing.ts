import type { Owner } from '../../tree/places/place.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { Proofs } from '../contract/proofs.ts';

/**
 * Checks that a restore may do in its places what it has to. It is the one proof that writes, so it is made only where
 * no other has failed; what it makes is removed at once.
 */
export async function proveWriting(
  engine: Pick<Engine, 'tryWriting'>,
  places: ClusterPlaces,
  owner: Owner | undefined,
  proofs: Proofs,
): Promise<void> {
  if (proofs.all.some(({ state }) => state === 'failed')) return;
  await proofs.attempt('writing', async () => {
    await engine.tryWriting(places, owner);
    const given = owner ? `given to ${owner.uid}:${owner.gid}, ` : '';
    const where = [places.pgdata, ...places.tablespaces.map(({ place }) => place)].map(({ root }) => root).join(', ');
    return { evidence: `a file and a directory were made, ${given}renamed and removed in ${where}` };
  });
}
