import { expect, it, vi } from 'vitest';
import type { CopyRequest } from '../../../../src/restore/contract/request.ts';
import type { CopyRun } from '../../../../src/restore/into-copy/copy-run.ts';
import { finishCopy } from '../../../../src/restore/into-copy/finish-copy.ts';
import type { RecoveredCopy } from '../../../../src/restore/into-copy/recover-copy.ts';

const scripts = vi.hoisted(() => vi.fn());
vi.mock('../../../../src/restore/database/post-sql.ts', () => ({ runScripts: scripts }));

const recovered = { address: {}, reached: { timeline: 2 }, notes: [], unasked: 'no entry' } as unknown as RecoveredCopy;

function runOf(copy: CopyRequest['copy'], request: Partial<CopyRequest> = {}): CopyRun {
  const asked = { copy, verify: 'full', ...request };
  const proven = { scripts: [], original: { service: { name: 'db' } }, source: {} };
  return { request: asked, proven, name: 'shop-copy', signal: new AbortController().signal } as unknown as CopyRun;
}

it.each<[string, CopyRequest['copy'], Partial<CopyRequest>, RegExp]>([
  [
    'a temporary one',
    { kind: 'temporary', port: 0 },
    { postSql: '/sql' },
    /container shop-copy keeps running; .*odo temporary stop shop-copy\n.*scripts in \/sql were not run/,
  ],
  [
    'one that was to take over',
    { kind: 'new-volume', volume: 'shop-copy', switch: true },
    {},
    /container odo-trial-shop-copy keeps running; .*\n.*service db was not switched to the new volume/,
  ],
])(
  'a copy that turns ODO down is left running when --verify full needs a login, and that is told: %s',
  async (_which, copy, request, hint) => {
    const error = { code: 'promotionNotSeen', hint: expect.stringMatching(hint) };
    await expect(finishCopy(runOf(copy, request), recovered)).rejects.toMatchObject(error);
    expect(scripts).not.toHaveBeenCalled();
  },
);

it.each([
  ['publishes', [{ PublicPort: 5499 }], { name: 'shop-copy', port: 5499 }, /psql -h 127\.0\.0\.1 -p 5499 -U postgres/],
  [
    'does not publish',
    [],
    { name: 'shop-copy' },
    /^the engine publishes no port of it; .*docker exec -it shop-copy psql$/,
  ],
])(
  'a temporary server whose port the engine %s is told by how it can be reached',
  async (_does, ports, told, words) => {
    scripts.mockResolvedValueOnce(undefined);
    const containers = [{ Id: 'c1', State: 'running', Labels: {}, Ports: ports }];
    const docker = { docker: { listContainers: async () => containers } };
    const run = runOf({ kind: 'temporary', port: 5499 }, { verify: 'stream' });
    Object.assign(run.proven, { found: { docker } });
    const reached = { ...recovered, address: { containerId: 'c1', env: {} }, unasked: undefined };
    const { temporary, notes } = await finishCopy(run, reached as unknown as RecoveredCopy);
    expect(temporary).toEqual(told);
    expect(notes).toContainEqual(expect.stringMatching(words));
    expect(JSON.stringify(notes)).not.toContain('127.0.0.1:0');
  },
);
