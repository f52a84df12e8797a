import path from 'node:path';
import type { Mount } from '../docker/mount.ts';
import { demandOverridable, OVERRIDE_NAME, overrideFileOf, type SwitchedMount, writeOverride } from '../docker/override-file.ts';
import { loadProject, recreateService } from '../docker/project.ts';
import { resolveService } from '../docker/service.ts';
import { volumeExists } from '../docker/volume.ts';
import { asOdoError, OdoError } from '../errors.ts';
import { inPhase, type Report } from '../events.ts';
import { withHints } from './failure-hints.ts';
import type { Finding } from './proofs.ts';
import type { FoundService } from './prove-service.ts';
import type { ServiceTarget } from './request.ts';
import { seeThroughRecovery, stopContainers } from './service-control.ts';

interface How {
  target: ServiceTarget;
  stopTimeoutSeconds: number;
  stallTimeoutMs: number;
}

/** The override file can be written; other services that would stay on the old volume are told. */
export async function proveSwitch({ project, service, data }: FoundService): Promise<Finding> {
  const file = await demandOverridable(project.files);
  const others = Object.entries(project.services)
    .filter(([name, { mounts }]) => name !== service.name && mounts.some(({ source }) => source === data.mount.source))
    .map(([name]) => name);
  if (others.length === 0) return { evidence: `${file} can be written` };
  return { state: 'warning', evidence: `${others.join(', ')} also mounts ${data.mount.source}, and stays on it` };
}

/**
 * Points the service at other volumes through ODO's override file, and waits until its server answers. When that fails, the service is
 * brought back onto its old ones. Gives how long it was away.
 */
export async function switchService(
  found: FoundService,
  mounts: readonly Mount[],
  how: How,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const { project, service } = found;
  const before = project.switched ?? [];
  const own: SwitchedMount[] = mounts.map(({ source, destination }) => {
    const instead =
      before.find((one) => one.service === service.name && one.destination === destination)?.instead ??
      insteadOf(found, destination);
    return { service: service.name, destination, volume: source, ...(instead === undefined ? {} : { instead }) };
  });
  return goOver(found, [...before.filter((one) => one.service !== service.name), ...own], how, report, signal);
}

/** Takes the service out of the override file again. A volume that is gone is `unsafeTarget`: a server would begin a new cluster in its place. */
export async function switchBack(found: FoundService, how: How, report: Report, signal: AbortSignal): Promise<void> {
  const { docker, project, service } = found;
  const [own, others] = [ownMounts(found), (project.switched ?? []).filter((one) => one.service !== service.name)];
  for (const { instead } of own) {
    if (instead?.type !== 'volume' || (await volumeExists(docker, instead.source))) continue;
    throw new OdoError('unsafeTarget', `volume ${instead.source}, which service ${service.name} had before, is gone`, {
      hint: `make ${own[0]?.volume} part of the compose file instead, and remove ${overrideFileOf(project.files)}`,
    });
  }
  await goOver(found, others, how, report, signal);
}

/** What the override file says of the service. */
export function ownMounts({ project, service }: FoundService): SwitchedMount[] {
  return (project.switched ?? []).filter((one) => one.service === service.name);
}

async function goOver(
  found: FoundService,
  switched: readonly SwitchedMount[],
  how: How,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const { docker, project, service } = found;
  signal.throwIfAborted();
  const stoppedAt = performance.now();
  try {
    // As it is now: a restore may have taken hours.
    const { containers } = await resolveService(docker, project, service.name);
    await stopContainers(
      found,
      containers.filter(({ running }) => running),
      how.stopTimeoutSeconds,
      report,
    );
    await writeOverride(project.files, switched);
    const containerId = await inPhase(report, 'start', () => startAnew(found, how.target, signal));
    const address = { docker, containerId, dataDirectory: found.data.place.root, env: service.env };
    await seeThroughRecovery(address, { stallTimeoutMs: how.stallTimeoutMs, atTarget: 'promote' }, report, signal);
    return Math.round(performance.now() - stoppedAt);
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    try {
      await writeOverride(project.files, project.switched ?? []);
      await startAnew(found, how.target, new AbortController().signal);
    } catch (second) {
      throw withHints(error, [`and service ${service.name} could not be brought back: ${asOdoError(second).message}`]);
    }
    throw withHints(error, [`service ${service.name} is back on the volume that it had`]);
  }
}

async function startAnew({ docker, service }: FoundService, target: ServiceTarget, signal: AbortSignal): Promise<string> {
  const project = await loadProject(docker, { files: target.composeFiles, projectName: target.projectName }, signal);
  await recreateService(docker, project, service.name, signal);
  const [first] = (await resolveService(docker, project, service.name)).containers;
  if (!first) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return first.id;
}

function insteadOf({ project, service }: FoundService, destination: string): SwitchedMount['instead'] {
  const mount = service.mounts.find((one) => one.destination === destination);
  if (!mount) return undefined;
  const key = Object.entries(project.volumes).find(([, { name }]) => name === mount.source)?.[0];
  return { type: mount.type, source: mount.source, ...(key === undefined ? {} : { key }) };
}

/** What the person has to know of a service that was switched; compose does not find the override file by itself. */
export function switchedNotes(found: FoundService, volume: string, rollbackCommand: string): string[] {
  const { project, service, data } = found;
  const override = overrideFileOf(project.files);
  const folder = path.dirname(override);
  const names = project.files.filter((file) => file !== override).map((file) => path.relative(folder, file));
  const flags = [...names, OVERRIDE_NAME].map((name) => `-f ${name}`).join(' ');
  return [
    `${override} leads service ${service.name} to volume ${volume}. Compose does not find it by itself: a plain docker compose up would take the service back to ${data.mount.source}`,
    `so add it in each call (in ${folder}: docker compose ${flags} up -d), or put this line into ${path.join(folder, '.env')}: COMPOSE_FILE=${[...names, OVERRIDE_NAME].join(':')}`,
    `for good: give the volume in ${names[0]} the lines "name: ${volume}" and "external: true", and remove ${OVERRIDE_NAME}`,
    `the old data stays on ${data.mount.source}; this points the service back to it: ${rollbackCommand}`,
  ];
}
