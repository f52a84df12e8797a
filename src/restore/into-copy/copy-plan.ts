import type { CopyRequest } from '../contract/request.ts';
import { makePlan, type Plan } from '../outcome/receipt.ts';
import type { ProvenCopy } from './prove-copy.ts';

/** What the making of a copy will do, step by step. */
export function planOfCopy(
  request: CopyRequest,
  name: string,
  { found, source, places, mounts, owner, proofs }: ProvenCopy,
): Plan {
  const { service, data } = found;
  return makePlan(source, places, {
    volume: data.mount.source,
    service: service.name,
    owner,
    steps: [
      `make volume ${mounts.map((mount) => mount.source).join(', ')}; service ${service.name} is left alone`,
      `lay backup ${source.backup.id} down on it`,
      'start a server on it in a container of its own, see it through recovery and promotion',
      ...lastSteps(request, name, service.name),
    ],
    proofs,
  });
}

function lastSteps({ copy }: CopyRequest, name: string, service: string): string[] {
  if (copy.kind === 'temporary') return ['leave it running on a port of 127.0.0.1, until odo temporary stop'];
  const steps = ['stop and remove that container'];
  return copy.switch ? [...steps, `point service ${service} at volume ${name}, through an override file`] : steps;
}
