import type { ContainerLimits } from '../client/container-limits.ts';
import type { Mount } from '../client/mount.ts';
import type { ComposeCall } from './compose-call.ts';
import type { Switches } from './override-file.ts';

/** A compose project as compose itself reads it: files merged, variables filled in, defaults applied. */
export interface ComposeProject {
  name: string;
  /** The compose files, absolute, in the order given. */
  files: string[];
  /**
   * Further options by which compose reads this very project, with absolute paths. The name only where it was given.
   */
  call?: Omit<ComposeCall, 'files'>;
  /** Oddities that compose finds in the files: a variable that is not set, say. */
  warnings?: string[];
  services: Record<string, ComposeService>;
  /** Volumes by compose's key, without those that no service uses. */
  volumes: Record<string, ComposeVolume>;
  /** The content of ODO's own override file, which is read along where there is one. */
  switches?: Switches;
  /** A rollback was broken off before it started the service on its other volumes. */
  isTakenBack?: true;
}

export interface ComposeVolume {
  name: string;
  external: boolean;
  driver?: string;
  driverOptions?: Record<string, string>;
  labels?: Record<string, string>;
}

export interface ComposeService {
  /** The image as written. If there is only a `build`, the name that compose would give the image. */
  image: string;
  /** May hold secrets. */
  environment: Record<string, string>;
  user?: string;
  entrypoint?: string[];
  command?: string[];
  /** Mounts with real volume names and absolute paths. */
  mounts: Mount[];
  /**
   * Paths of secrets and configs that are no files of the host. Compose writes them into each container that it makes.
   */
  injectedFiles?: string[];
  stopGracePeriodSeconds?: number;
  /** How many containers compose makes of the service; 1 when not given. */
  replicas?: number;
  /** The limits of the service's containers. */
  limits?: ContainerLimits;
  networkMode?: string;
  /** Fixed addresses, and further names by which the service is known in its networks. */
  addresses?: string[];
}
