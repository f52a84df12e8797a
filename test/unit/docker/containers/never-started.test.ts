import { expect, it } from 'vitest';
import type { DockerEngine } from '../../../../src/docker/client/engine.ts';
import { removeNeverStarted } from '../../../../src/docker/containers/odo-containers.ts';
import { openRestoreContainer } from '../../../../src/docker/containers/restore-container.ts';

const NOW = Date.now() / 1000;
const OPTIONS = { image: 'odo', cmd: ['agent'], mounts: [], network: 'none', name: 'odo-x' };

/** An engine that has these containers of ODO's, made and not started, with the second of their making. */
function engineWith(made: Record<string, number>, removal: Record<string, Error> = {}) {
  const removed: string[] = [];
  const asked: unknown[] = [];
  const docker = {
    async listContainers(options: unknown) {
      asked.push(options);
      return Object.entries(made).map(([Id, Created]) => ({ Id, Created }));
    },
    getContainer: (id: string) => ({
      async remove() {
        if (removed.includes(id)) throw Object.assign(new Error('gone'), { statusCode: 404 });
        if (removal[id]) throw removal[id];
        removed.push(id);
      },
    }),
    async createContainer() {
      throw Object.assign(new Error('enough'), { statusCode: 400, json: { message: 'enough' } });
    },
  };
  return { engine: { docker } as unknown as DockerEngine, removed, asked };
}

it('removes what was made long ago and never started, whatever it was for', async () => {
  const { engine, removed, asked } = engineWith({ old: NOW - 3600, new: NOW - 20 });
  await removeNeverStarted(engine);
  expect(removed).toEqual(['old']);
  expect(asked).toEqual([{ all: true, filters: { label: ['odo.role'], status: ['created'] } }]);
});

it('goes on when one of them cannot be removed', async () => {
  const refused = Object.assign(new Error('busy'), { statusCode: 500, json: { message: 'busy' } });
  const { engine, removed } = engineWith({ stuck: NOW - 3600, old: NOW - 3600 }, { stuck: refused });
  await removeNeverStarted(engine);
  expect(removed).toEqual(['old']);
});

it('is done before the next container is made', async () => {
  const { engine, removed } = engineWith({ old: NOW - 3600 });
  await expect(openRestoreContainer(engine, OPTIONS, new AbortController().signal)).rejects.toThrow('enough');
  expect(removed).toEqual(['old']);
});
