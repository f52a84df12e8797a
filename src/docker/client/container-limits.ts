import type Dockerode from 'dockerode';

/**
 * The limits of a container on its host, in the engine's own words. A server that starts under some limits may not
 * start under others. So a container that stands in for a service's gets the same.
 */
export type ContainerLimits = Pick<
  Dockerode.HostConfig,
  'ShmSize' | 'Memory' | 'MemorySwap' | 'Ulimits' | 'Sysctls' | 'SecurityOpt' | 'IpcMode'
>;

/** The limits of a container that is there. */
export function limitsOfContainer({ HostConfig }: Pick<Dockerode.ContainerInspectInfo, 'HostConfig'>): ContainerLimits {
  const { ShmSize, Memory, MemorySwap, Ulimits, Sysctls, IpcMode } = HostConfig;
  return {
    ...(IpcMode === 'host' ? { IpcMode } : {}),
    ...(ShmSize ? { ShmSize } : {}),
    ...(Memory ? { Memory } : {}),
    ...(Memory && MemorySwap ? { MemorySwap } : {}),
    ...(Ulimits?.length ? { Ulimits } : {}),
    ...sysctlsOf(Sysctls),
    ...securityOf(HostConfig.SecurityOpt, HostConfig.Privileged),
  };
}

/** The part of a service in `docker compose config --format json` that says what its container may use. */
export interface ComposeLimits {
  shm_size?: string | number;
  ipc?: string;
  mem_limit?: string | number;
  ulimits?: Record<string, number | { soft: number; hard: number }>;
  sysctls?: Record<string, string | number>;
  security_opt?: string[];
  privileged?: boolean;
  deploy?: { resources?: { limits?: { memory?: string | number } } } | null;
}

/** The limits that compose would give a container. */
export function limitsOfCompose(service: ComposeLimits): ContainerLimits {
  const shmSize = Number(service.shm_size ?? 0);
  const memory = Number(service.mem_limit ?? service.deploy?.resources?.limits?.memory ?? 0);
  const ulimits = Object.entries(service.ulimits ?? {}).map(([Name, limit]) =>
    typeof limit === 'number' ? { Name, Soft: limit, Hard: limit } : { Name, Soft: limit.soft, Hard: limit.hard },
  );
  const sysctls = Object.entries(service.sysctls ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    ...(service.ipc === 'host' ? { IpcMode: service.ipc } : {}),
    ...(shmSize > 0 ? { ShmSize: shmSize } : {}),
    ...(memory > 0 ? { Memory: memory } : {}),
    ...(ulimits.length > 0 ? { Ulimits: ulimits } : {}),
    ...sysctlsOf(Object.fromEntries(sysctls)),
    // A compose file has only the name of a profile.
    ...securityOf(
      service.security_opt?.filter((option) => !/^seccomp[=:](?!unconfined)/.test(option)),
      service.privileged,
    ),
  };
}

/**
 * Sysctls without those of the network: they do not hold in a container without one, and the engine refuses some of
 * them there.
 */
function sysctlsOf(sysctls: Record<string, string> | undefined): ContainerLimits {
  const kept = Object.entries(sysctls ?? {}).filter(([name]) => !name.startsWith('net.'));
  return kept.length > 0 ? { Sysctls: Object.fromEntries(kept) } : {};
}

/**
 * Options that forbid or allow system calls. The engine has a profile's text, since the client that gave its name has
 * read it.
 */
function securityOf(options: readonly string[] | null | undefined, isPrivileged = false): ContainerLimits {
  if (isPrivileged) return { SecurityOpt: ['seccomp=unconfined'] };
  const kept = (options ?? []).filter((option) => /^(seccomp|apparmor)[=:]/.test(option));
  return kept.length > 0 ? { SecurityOpt: kept } : {};
}
