import { randomBytes } from 'node:crypto';
import { cancelled, OdoError } from '../../errors.ts';
import { execIn } from '../client/container.ts';
import type { ContainerLimits } from '../client/container-limits.ts';
import { translateDockerError } from '../client/docker-errors.ts';
import type { DockerEngine } from '../client/engine.ts';
import { makeTar, type TarMember } from '../client/make-tar.ts';
import type { Mount } from '../client/mount.ts';
import type { RestoreMount } from './create-container.ts';
import { ROLE_LABEL } from './odo-containers.ts';
import { REHEARSE, type RehearsalAnswers, readAnswers } from './rehearsal-script.ts';
import { openRestoreContainer } from './restore-container.ts';

const TIMEOUT_MS = 120_000;

export interface RehearsalOptions {
  image: string;
  /** User of the container, as `docker run --user` takes it. */
  user: string;
  /** Who owns the files of the data directory. */
  owner: { uid: number; gid: number };
  /** Everything that the server will see besides its data directory, all mounted read-only. */
  mounts: readonly Mount[];
  dataDirectory: string;
  limits: ContainerLimits;
  env: Readonly<Record<string, string>>;
}

/** A question about the place where a server is to run. */
export interface RehearsalQuestion {
  /**
   * The question. read: whether a file or directory can be read. write: whether a directory can be written to. make:
   * whether it can be, or can be made. directory: whether it is there. parent: whether it or its parent is. there:
   * whether there is anything. locale: whether the server knows it. huge: whether the host has huge pages.
   */
  what: 'read' | 'write' | 'make' | 'directory' | 'parent' | 'there' | 'locale' | 'huge';
  /** A path, the name of a locale, or anything. */
  of: string;
}

/** A throwaway container of a service's image, in which its server program is tried on files that are put there. */
export interface Rehearsal {
  /** Puts files into the data directory. They replace files of the same name. */
  put(members: readonly TarMember[]): Promise<void>;
  /**
   * Answers the questions, and starts the server with these arguments. It comes as far as the beginning of recovery,
   * and no further. undefined when the image has no server program that can be called.
   */
  ask(questions: readonly RehearsalQuestion[], serverArgs: readonly string[]): Promise<RehearsalAnswers | undefined>;
  /** The container and all that was put into it are gone when this resolves. */
  end(): Promise<void>;
}

/**
 * Opens a rehearsal: without network, without capabilities, as the server's user, under the limits of the service's
 * container. Its data directory is a scratch volume, which goes with the container. The container ends with this
 * process, however that ends. Errors are those of openRestoreContainer().
 */
export async function openRehearsal(
  engine: DockerEngine,
  options: RehearsalOptions,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const { image, user, owner, limits, dataDirectory } = options;
  const container = await openRestoreContainer(
    engine,
    {
      image,
      entrypoint: ['sh'],
      // Standard input is the lifeline.
      cmd: ['-c', 'while read -r line; do :; done'],
      mounts: [...options.mounts.map(toMount), { type: 'volume', source: '', destination: dataDirectory }],
      network: 'none',
      name: `odo-rehearsal-${randomBytes(6).toString('hex')}`,
      labels: { [ROLE_LABEL]: 'rehearsal' },
      env: { ...options.env, PGDATA: dataDirectory },
      user,
      writableRoot: true,
      limits,
    },
    signal,
  );
  const below = dataDirectory.replace(/^\/+/, '');
  return {
    async put(members) {
      // The tar begins at the root: the engine would not give the very folder that a tar is put into to another owner.
      const placed = members.map((member) => ({ ...member, path: `${below}${member.path && `/${member.path}`}` }));
      try {
        await engine.docker.getContainer(container.id).putArchive(makeTar(placed, owner), { path: '/' });
      } catch (error) {
        if (signal.aborted) throw cancelled(error);
        throw translateDockerError(error, `put files into container ${container.id.slice(0, 12)}`);
      }
    },
    async ask(questions, serverArgs) {
      const input = questions.map(({ what, of }) => `${what}\t${of}\n`).join('');
      const { exitCode, stdout, stderr } = await execIn(
        engine,
        container.id,
        ['sh', '-c', REHEARSE, 'sh', '-D', dataDirectory, ...serverArgs],
        { input, timeoutMs: TIMEOUT_MS, signal },
      );
      if (exitCode === 127) return undefined;
      if (exitCode !== 0) {
        throw new OdoError(
          'dockerUnreachable',
          `the rehearsal in container ${container.id.slice(0, 12)} broke off: ${stderr.trim()}`,
        );
      }
      return readAnswers(stdout, questions.length);
    },
    end: () => container.end(),
  };
}

function toMount({ type, source, destination, subpath }: Mount): RestoreMount {
  const isVolume = type === 'volume';
  return {
    type: isVolume ? 'volume' : 'bind',
    source,
    destination,
    readOnly: true,
    ...(subpath === undefined ? {} : { subpath }),
  };
}
