import { expect, it } from 'vitest';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import { type CopyServerOptions, startCopyServer } from '../../../../src/docker/containers/copy-server.ts';
import { answered, unanswered } from '../../parts/fake-docker.ts';

const options: CopyServerOptions = {
  name: 'odo-temporary-shop',
  image: 'postgres:17',
  args: [],
  user: { uid: 999, gid: 999 },
  mounts: [],
  env: {},
  labels: {},
  port: 5499,
};

/** An engine that makes the container, and fails so when it is to start it. */
function engineThat(fault: Error) {
  const removed: string[] = [];
  const container = {
    id: 'c1',
    start: async () => Promise.reject(fault),
    remove: async () => void removed.push('c1'),
  };
  return { engine: { docker: { createContainer: async () => container } } as unknown as DockerEngine, removed };
}

it.each([
  ['its network', answered(500, 'driver failed programming external connectivity on endpoint'), 'dockerUnreachable'],
  ['a port that is taken', answered(500, 'Bind for 127.0.0.1:5499 failed: port is already allocated'), 'unsafeTarget'],
  ['a line that breaks', unanswered(), 'dockerUnreachable'],
])(
  'an engine that does not start it for %s is no failed recovery, and nothing is left behind',
  async (_of, fault, code) => {
    const { engine, removed } = engineThat(fault);
    await expect(startCopyServer(engine, options)).rejects.toMatchObject({ code });
    expect(removed).toEqual(['c1']);
  },
);
