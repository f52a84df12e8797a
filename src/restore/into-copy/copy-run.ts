import { randomBytes } from 'node:crypto';
import { COPY_KIND_LABEL, COPY_LABEL } from '../../docker/containers/copy-volume.ts';
import type { Engine } from '../contract/engine.ts';
import type { CopyRequest } from '../contract/request.ts';
import type { Tools } from '../procedure/restore.ts';
import type { PreparedRehearsal } from '../rehearsal/prepare-rehearsal.ts';
import type { ProvenCopy } from './prove-copy.ts';

/** One copy under way, with what has to be undone if it fails. */
export interface CopyRun extends Tools {
  request: CopyRequest;
  proven: ProvenCopy;
  /** The name of the data volume. A temporary copy's container has it, too. */
  name: string;
  engine: Engine | undefined;
  rehearsal: PreparedRehearsal;
  /** Volumes that this very run has made. */
  made: string[];
  serverId: string | undefined;
  layingDown: boolean;
  swapped: boolean;
}

/** The name of the copy's data volume. */
export function copyName({ copy, serviceRef }: CopyRequest): string {
  if (copy.kind === 'new-volume') return copy.volume;
  return `odo-temporary-${serviceRef.service}-${randomBytes(3).toString('hex')}`;
}

/** The name of the container in which the copy's server runs. */
export function serverName({ request, name }: CopyRun): string {
  return request.copy.kind === 'temporary' ? name : `odo-trial-${name}`;
}

/** How a person ends a server that keeps running. */
export function endingOf(run: CopyRun): string {
  return run.request.copy.kind === 'temporary'
    ? `this ends it and removes its volume: odo temporary stop ${run.name}`
    : `this ends it, and leaves volume ${run.name} with what was restored: docker rm -f ${serverName(run)}`;
}

/** The labels by which the copy's volumes and container are known. */
export function labelsOf({ request, proven, name }: CopyRun): Record<string, string> {
  const { service } = proven.found;
  return {
    [COPY_LABEL]: name,
    [COPY_KIND_LABEL]: request.copy.kind,
    'odo.service': `${service.project}/${service.name}`,
    'odo.backup': proven.source.backup.id,
    'odo.created': new Date().toISOString(),
  };
}
