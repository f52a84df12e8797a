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
