import { beforeEach, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { CopyRun } from '../../../../src/restore/into-copy/copy-run.ts';
import { undoCopy } from '../../../../src/restore/into-copy/undo-copy.ts';
import { NO_REHEARSAL } from '../../../../src/restore/rehearsal/prepare-rehearsal.ts';

const first = new OdoError('recoveryFailed', 'the server ended', { hint: 'see its log' });
const gone = async () => {
  throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
};
const inUse = async () => {
  throw Object.assign(new Error('in use'), { statusCode: 409, json: { message: 'volume is in use' } });
};
let did: string[];

beforeEach(() => {
  did = [];
});

/** A copy that has failed with its server up, where each step of taking it away fails, too. */
function failedCopy(more: Partial<CopyRun> = {}): CopyRun {
  const failing = (step: string, how: () => Promise<void>) => async () => {
    did.push(step);
    await how();
  };
  const docker = {
    getContainer: (id: string) => ({ remove: failing(`remove container ${id}`, gone) }),
    getVolume: (name: string) => ({ remove: failing(`remove volume ${name}`, inUse) }),
  };
  return {
    rehearsal: NO_REHEARSAL,
    request: { copy: { kind: 'new-volume', volume: 'shop-copy' }, discard: false },
    proven: { found: { docker: { docker } }, places: {}, mounts: [{ source: 'shop-copy' }, { source: 'spaces' }] },
    name: 'shop-copy',
    engine: { close: failing('close', gone), discard: failing('discard', gone) } as unknown as Engine,
    made: ['shop-copy', 'shop-copy_1'],
    serverId: 'c1',
    layingDown: true,
    swapped: true,
    ...more,
  } as unknown as CopyRun;
}

it('tells the first error, does all the rest although it fails, and names what is left over', async () => {
  const told = await undoCopy(failedCopy(), first);
  expect(told).toMatchObject({ code: 'recoveryFailed', message: 'the server ended' });
  expect(told.hint?.split('\n')).toEqual([
    'see its log',
    expect.stringMatching(/^container odo-trial-shop-copy is left over \(docker rm -f odo-trial-shop-copy\): ./),
    expect.stringMatching(/^volume shop-copy is left over \(docker volume rm shop-copy\): .*volume is in use/),
    expect.stringMatching(/^volume shop-copy_1 is left over .*volume is in use/),
    expect.stringMatching(/on a volume that was there before, and can be removed: docker volume rm spaces$/),
  ]);
  expect(did).toEqual(['remove container c1', 'close', 'remove volume shop-copy', 'remove volume shop-copy_1']);
});

it('tells it also where what was laid down cannot be thrown away', async () => {
  const told = await undoCopy(failedCopy({ swapped: false, serverId: undefined }), first);
  expect(told).toMatchObject({ code: 'recoveryFailed', message: 'the server ended' });
  expect(did).toEqual(['discard', 'close', 'remove volume shop-copy', 'remove volume shop-copy_1']);
});
