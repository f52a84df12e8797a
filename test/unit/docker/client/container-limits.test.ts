import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { limitsOfCompose, limitsOfContainer } from '../../../../src/docker/client/container-limits.ts';

const ofContainer = (HostConfig: Dockerode.HostConfig) =>
  limitsOfContainer({ HostConfig } as unknown as Dockerode.ContainerInspectInfo);

describe('what a container may use', () => {
  it('is what the engine says of it, but for what holds in its network only', () => {
    const limits = { ShmSize: 1024, Memory: 2048, MemorySwap: 4096, Ulimits: [{ Name: 'stack', Soft: 1, Hard: 2 }] };
    expect(
      ofContainer({
        ...limits,
        Sysctls: { 'net.core.somaxconn': '1', 'kernel.shmmax': '2' },
        SecurityOpt: ['seccomp={}', 'label=disable', 'no-new-privileges'],
      }),
    ).toEqual({ ...limits, Sysctls: { 'kernel.shmmax': '2' }, SecurityOpt: ['seccomp={}'] });
  });

  it('is nothing in particular by default', () => {
    expect(ofContainer({ ShmSize: 0, Memory: 0, MemorySwap: 0, Ulimits: [], Privileged: false })).toEqual({});
    expect(limitsOfCompose({})).toEqual({});
  });

  it("is the host's shared memory for one that has it", () => {
    expect(ofContainer({ IpcMode: 'host' })).toEqual({ IpcMode: 'host' });
    expect(limitsOfCompose({ ipc: 'host' })).toEqual({ IpcMode: 'host' });
    expect(ofContainer({ IpcMode: 'private' })).toEqual({});
  });

  it('is any system call for one with privileges', () => {
    expect(ofContainer({ Privileged: true, SecurityOpt: ['label=disable'] })).toEqual({
      SecurityOpt: ['seccomp=unconfined'],
    });
    expect(limitsOfCompose({ privileged: true })).toEqual({ SecurityOpt: ['seccomp=unconfined'] });
  });

  it('is, before there is one, what the compose file says', () => {
    expect(
      limitsOfCompose({
        shm_size: '1024',
        deploy: { resources: { limits: { memory: '2048' } } },
        ulimits: { nproc: 5, stack: { soft: 1, hard: 2 } },
        sysctls: { 'kernel.shmmax': 7 },
        security_opt: ['seccomp:./profile.json', 'apparmor:mine'],
      }),
    ).toEqual({
      ShmSize: 1024,
      Memory: 2048,
      Ulimits: [
        { Name: 'nproc', Soft: 5, Hard: 5 },
        { Name: 'stack', Soft: 1, Hard: 2 },
      ],
      Sysctls: { 'kernel.shmmax': '7' },
      SecurityOpt: ['apparmor:mine'],
    });
  });
});
