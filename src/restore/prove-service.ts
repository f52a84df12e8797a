import { connectDocker, type DockerEngine } from '../docker/engine.ts';
import { inspectImage, postgresMajor } from '../docker/image.ts';
import { type ComposeProject, loadProject } from '../docker/project.ts';
import { resolveService, type Service } from '../docker/service.ts';
import { resolveVolume } from '../docker/volume.ts';
import { OdoError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Backup } from '../formats/format.ts';
import { commandLineSettings, RECOVERY_CRITICAL, STOP_CRITICAL } from '../postgres/recovery-settings.ts';
import type { Moment } from '../postgres/recovery-target.ts';
import { proveNobodyElse } from './nobody-else.ts';
import { createProofs, type Proofs } from './proofs.ts';
import type { ServiceTarget } from './request.ts';
import { type DataPlace, locateData } from './service-target.ts';

/** The service that a restore brings back, and where its data lies. */
export interface FoundService {
  docker: DockerEngine;
  project: ComposeProject;
  service: Service;
  data: DataPlace;
}

/** Checks Docker's side as far as it does not depend on the backup. */
export async function proveService(
  target: ServiceTarget,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<FoundService | undefined> {
  const docker = await proofs.attempt('docker', async () => {
    const value = await connectDocker(process.env, signal);
    return { evidence: `engine ${value.version} at ${value.host}`, value };
  });
  if (!docker) return undefined;
  await proofs.attempt('restore image', async () => {
    const image = await inspectImage(docker, target.image);
    if (!image) throw noImage(target.image);
    return { evidence: `${target.image} (${image.id.replace('sha256:', '').slice(0, 12)})` };
  });
  const found = await proofs.attempt('service', async () => {
    const project = await loadProject(docker, { files: target.composeFiles, projectName: target.projectName }, signal);
    const service = await resolveService(docker, project, target.service);
    const containers = service.containers.map(({ name, running }) => `${name} (${running ? 'running' : 'stopped'})`);
    return {
      evidence: `${service.name} of project ${project.name}: ${containers.join(', ') || 'no container yet'}, image ${service.imageRef}`,
      value: { project, service },
    };
  });
  const data =
    found &&
    (await proofs.attempt('volume', () => {
      const value = locateData(found.service, resolveVolume(found.project, found.service, target.volume));
      return { evidence: `${value.mount.source} at ${value.mount.destination}, data directory ${value.place.root}`, value };
    }));
  return found && data && { docker, ...found, data };
}

/** The service, for a command that works on what a restore has left; with `alone`, nobody else may use the volume. What does not hold is thrown. */
export async function demandService(
  target: ServiceTarget,
  { report, signal }: { report: Report; signal: AbortSignal },
  { alone }: { alone: boolean },
): Promise<FoundService> {
  const proofs = createProofs(report, signal);
  const found = await proveService(target, proofs, signal);
  if (found && alone) await proveNobodyElse(found, [found.data.mount], proofs);
  proofs.demandAll();
  if (!found) throw new OdoError('bug', 'a proof failed without an error');
  return found;
}

/** The service's image must run the backup's PostgreSQL, and its command line must not undo the recovery. */
export async function proveFit(
  { docker, service }: FoundService,
  backup: Backup | undefined,
  moment: Moment | undefined,
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
  await proofs.attempt('command line', () => {
    const settings = commandLineSettings(service.commandArgs);
    const critical = [...settings.keys()].filter((name) => RECOVERY_CRITICAL.has(name) || (moment && STOP_CRITICAL.has(name)));
    if (critical.length > 0) {
      throw new OdoError(
        'serviceNotFound',
        `the command line of service ${service.name} sets ${critical.join(', ')}, which no configuration file can override`,
        {
          hint: 'move these settings from the compose file into postgresql.conf',
        },
      );
    }
    const archiving = settings.get('archive_mode');
    if (archiving === undefined || /^(off|false|no|0)$/i.test(archiving))
      return { evidence: 'sets nothing that recovery depends on' };
    return {
      state: 'warning' as const,
      evidence: `sets archive_mode=${archiving}: the restored server will archive its new timeline to where its archive_command points`,
    };
  });
  return major;
}

function noImage(image: string): OdoError {
  return new OdoError('versionMismatch', `the restore image ${image} is not there`, {
    hint: `build it in ODO's folder with "npm run build && docker build -t ${image} .", load it with docker load, or name another with --image`,
  });
}
