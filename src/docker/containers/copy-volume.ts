import { randomUUID } from 'node:crypto';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';

/** Label with the copy's name, on all volumes and containers of a copy. */
export const COPY_LABEL = 'odo.copy';

/** Label with the purpose of a copy: `temporary` or `new-volume`. */
export const COPY_KIND_LABEL = 'odo.copy.kind';

/** Label with the run that made a volume. */
const RUN_LABEL = 'odo.run';

/** Makes a volume. False when it was there already: then it is not ours to remove. */
export async function createCopyVolume(
  engine: DockerEngine,
  name: string,
  labels: Record<string, string>,
): Promise<boolean> {
  const run = randomUUID();
  try {
    // The engine gives the same answer for a volume that is there as for a new one. Only the label tells.
    await engine.docker.createVolume({ Name: name, Labels: { ...labels, [RUN_LABEL]: run } });
    const { Labels } = await engine.docker.getVolume(name).inspect();
    return Labels?.[RUN_LABEL] === run;
  } catch (error) {
    throw translateDockerError(error, `create volume ${name}`, { refused: 'serviceNotFound' });
  }
}

/** The volumes of copies of one kind, or of one copy. */
export async function listCopyVolumes(engine: DockerEngine, kind: string, copy?: string): Promise<CopyVolume[]> {
  const label = [`${COPY_KIND_LABEL}=${kind}`, ...(copy === undefined ? [] : [`${COPY_LABEL}=${copy}`])];
  try {
    const { Volumes } = await engine.docker.listVolumes({ filters: { label } });
    return (Volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} }));
  } catch (error) {
    throw translateDockerError(error, 'list the volumes of copies');
  }
}

export interface CopyVolume {
  name: string;
  labels: Readonly<Record<string, string>>;
}
