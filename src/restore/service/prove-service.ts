import { connectDocker, type DockerEngine } from '../../docker/client/engine.ts';
import { loadProject } from '../../docker/compose/load-project.ts';
import { followedBy, overrideFileOf, type SwitchedMount } from '../../docker/compose/override-file.ts';
import type { ComposeProject } from '../../docker/compose/project.ts';
import { projectsWith, resolveService, type Service } from '../../docker/compose/service.ts';
import { resolveVolume, strayedFrom } from '../../docker/compose/volume.ts';
import { inspectImage, postgresMajor } from '../../docker/containers/image.ts';
import { OdoError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { demandKnownMajor } from '../../postgres/terms/versions.ts';
import { createProofs, type Proofs } from '../contract/proofs.ts';
import type { ServiceRef } from '../contract/request.ts';
import { imageHint } from '../engine/image-file.ts';
import { composeCallOf, projectCommand } from '../outcome/compose-command.ts';
import { judged } from '../proofs/prove-wal.ts';
import type { FoundService } from './found-service.ts';
import { type CommandLineWish, judgeCommandLine } from './judge-command-line.ts';
import { refuseMountedInside } from './mounted-files.ts';
import { proveNobodyElse } from './nobody-else.ts';
import { type DataPlace, locateData, toldDirectory } from './service-places.ts';

/** Checks Docker's side as far as it does not depend on the backup. */
export async function proveService(
  serviceRef: ServiceRef,
  proofs: Proofs,
  signal: AbortSignal,
  { mayStray = false }: { mayStray?: boolean } = {},
): Promise<FoundService | undefined> {
  const docker = await proofs.attempt('docker', async () => {
    const value = await connectDocker(process.env, signal);
    return { evidence: `engine ${value.version} at ${value.host}`, value };
  });
  if (!docker) return undefined;
  await proofs.attempt('restore image', async () => {
    const image = await inspectImage(docker, serviceRef.image);
    if (!image) throw noImage(serviceRef.image);
    return { evidence: `${serviceRef.image} (${image.id.replace('sha256:', '').slice(0, 12)})` };
  });
  const found = await proofs.attempt('service', async () => {
    const loaded = await loadProject(docker, composeCallOf(serviceRef), signal);
    const service = await resolveService(docker, loaded, serviceRef.service);
    const project = { ...loaded, ...followedBy(service, loaded.switches) };
    if (service.containers.length === 0 && serviceRef.projectName === undefined)
      await refuseOtherProject(docker, project, service);
    const containers = service.containers.map(({ name, running }) => `${name} (${running ? 'running' : 'stopped'})`);
    const evidence =
      `${service.name} of project ${project.name}: ${containers.join(', ') || 'no container yet'}, image ` +
      `${service.imageRef}`;
    return judged(evidence, warningsOf(project), { project, service });
  });
  const located =
    found &&
    (await proofs.attempt('volume', async () => {
      const { project, service } = found;
      const data = locateData(service, resolveVolume(project, service, serviceRef.volume, toldDirectory(service)));
      const strayed = strayedFrom(project, service, data.mount);
      if (strayed && !mayStray) throw astray(found, data, strayed);
      if (project.isTakenBack && !mayStray) throw halfTakenBack(found, data);
      await refuseMountedInside({ docker, service }, data);
      const evidence = `${data.mount.source} at ${data.mount.destination}, data directory ${data.place.root}`;
      return { evidence, value: { data, ...(strayed ? { strayed } : {}) } };
    }));
  return found && located && { docker, ...found, ...located };
}

/**
 * The error when override and container disagree. Only the person knows which one is meant: a plain call of compose may
 * have been a mistake, or the way back.
 */
function astray(
  { project, service }: Pick<FoundService, 'project' | 'service'>,
  { mount }: DataPlace,
  told: SwitchedMount,
) {
  return new OdoError(
    'serviceNotFound',
    `service ${service.name} runs on ${mount.source}, and ${overrideFileOf(project.files)} leads it to ${told.volume}`,
    {
      hint:
        `to stay on ${mount.source}: odo rollback; to go over to ${told.volume}: ` +
        `${projectCommand(project, 'up', '-d', service.name)}`,
    },
  );
}

/** The error when a way back was broken off before the service was started on its other volumes. */
function halfTakenBack({ service }: Pick<FoundService, 'service'>, { mount }: DataPlace) {
  const broken = `a rollback that was to lead service ${service.name} away from ${mount.source} was broken off`;
  return new OdoError('serviceNotFound', broken, { hint: 'odo rollback carries it through' });
}

/**
 * Refuses a service that has containers only in another project. Under the other name the project has volumes of its
 * own, and the running service would keep its old data.
 */
async function refuseOtherProject(docker: DockerEngine, project: ComposeProject, service: Service): Promise<void> {
  const { name, files } = project;
  const others = await projectsWith(docker, service.name, files[0] as string);
  if (others.length === 0) return;
  const named = others.join(', ');
  throw new OdoError(
    'serviceNotFound',
    `service ${service.name} of ${files[0]} has no container in project ${name}, but it has one in ${named}`,
    {
      hint: [
        ...warningsOf(project),
        `say which project is meant: --project-name ${others[0]}, or ${name} for another one beside it. What ` +
          'compose was called with (--project-directory, --env-file) is wanted here, too',
      ].join('\n'),
    },
  );
}

function warningsOf({ warnings = [] }: ComposeProject): string[] {
  return warnings.map((words) => `compose warns: ${words}`);
}

/**
 * Finds the service, for a command that works on what a restore has left. With `alone`, nobody else may use the volume.
 * Throws the error of the first proof that does not hold.
 */
export async function demandService(
  serviceRef: ServiceRef,
  { report, signal }: { report: Report; signal: AbortSignal },
  { alone, mayStray = false }: { alone: boolean; mayStray?: boolean },
): Promise<FoundService> {
  const proofs = createProofs(report, signal);
  const found = await proveService(serviceRef, proofs, signal, { mayStray });
  if (found && alone) await proveNobodyElse(found, [found.data.mount], proofs);
  proofs.demandAll();
  if (!found) throw new OdoError('bug', 'a proof failed without an error');
  return found;
}

/** The service's image must run the backup's PostgreSQL, and its command line must not undo the recovery. */
export async function proveFit(
  { docker, service }: FoundService,
  backup: Backup | undefined,
  request: CommandLineWish,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<number | undefined> {
  const major = await proofs.attempt('PostgreSQL version', async () => {
    const image = service.imageId ?? service.imageRef;
    const value = await postgresMajor(docker, image, service.env, signal);
    if (value === undefined) {
      throw new OdoError('versionMismatch', `${service.imageRef} does not say which PostgreSQL it runs`, {
        hint: "is it an image of PostgreSQL? setting PG_MAJOR in the service's environment tells",
      });
    }
    demandKnownMajor(value, `service ${service.name}`);
    if (backup?.postgresMajor === undefined) {
      return {
        state: 'unjudged' as const,
        evidence: `the service runs ${value}; the backup's is seen when it is laid down`,
        value,
      };
    }
    if (value !== backup.postgresMajor) {
      throw new OdoError(
        'versionMismatch',
        `backup ${backup.id} is of PostgreSQL ${backup.postgresMajor}, and ${service.imageRef} runs ${value}`,
        {
          hint: `set the image of service ${service.name} to PostgreSQL ${backup.postgresMajor}`,
        },
      );
    }
    return { evidence: `${value}, as the backup`, value };
  });
  await proofs.attempt('command line', () => judgeCommandLine(service, request));
  return major;
}

function noImage(image: string): OdoError {
  return new OdoError('versionMismatch', `the restore image ${image} is not there`, {
    hint: imageHint(image),
  });
}
