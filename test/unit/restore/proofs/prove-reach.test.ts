import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Proof } from '../../../../src/events.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import { createProofs } from '../../../../src/restore/contract/proofs.ts';
import { reachStore } from '../../../../src/restore/engine/reach-store.ts';
import { proveReach } from '../../../../src/restore/proofs/prove-reach.ts';
import type { RestoreSource } from '../../../../src/restore/proofs/prove-repository.ts';
import { createRenewableKeys } from '../../../../src/store/objects/store-keys.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const SOURCE = { backup: { parts: [{ key: 'base/1/data.tar', sizeBytes: 5 }] } } as RestoreSource;
const STORE = { url: 's3://b', pathStyle: false };

async function prove(reach: Engine['reach'], network?: string): Promise<Proof[]> {
  const { signal } = new AbortController();
  const proofs = createProofs(() => undefined, signal);
  const request = { store: STORE, serviceRef: { ...(network ? { network } : {}) } } as Parameters<typeof proveReach>[2];
  await proveReach({ reach }, SOURCE, request, proofs, signal);
  return [...proofs.all];
}

describe('the store, from the restore container', () => {
  it('is proven by what was read there, before its patience ends', async () => {
    const [proof] = await prove(async ({ store, part }) => {
      expect(store.retryForMs).toBe(15_000);
      return { readBytes: part.sizeBytes };
    });
    expect(proof).toMatchObject({ state: 'held', evidence: '5 B of base/1/data.tar read' });
  });

  it('warns of its clock, which may be that of another machine', async () => {
    const [proof] = await prove(async () => ({ readBytes: 5, clockSkewMs: 240_000 }));
    expect(proof).toMatchObject({
      state: 'warning',
      evidence: expect.stringContaining("the restore container's clock is 240 s behind the store's"),
    });
  });

  it.each([
    [undefined, /--network, such as host; it has one by the address/],
    ['host', /such as bridge; it has host/],
  ])('fails as the store does there, and leads to another network than %s', async (network, hint) => {
    const refuse = async () => {
      throw new OdoError('storeUnreachable', 'cannot reach s3.internal (ENOTFOUND)');
    };
    expect((await prove(refuse, network))[0]).toMatchObject({
      state: 'failed',
      error: {
        code: 'storeUnreachable',
        message:
          'the restore container cannot read the store, which this command can: cannot reach s3.internal (ENOTFOUND)',
        hint: expect.stringMatching(hint),
      },
    });
  });
});

describe('reaching a store', () => {
  it('reads a part of it, and no more than the part has', async () => {
    const folder = scratchDirectory();
    fs.mkdirSync(path.join(folder, 'base'));
    fs.writeFileSync(path.join(folder, 'base/data.tar'), Buffer.alloc(100_000));
    fs.writeFileSync(path.join(folder, 'base/small.tar'), 'tiny');
    const reach = (key: string, sizeBytes: number) => {
      const store = { url: folder, pathStyle: false };
      return reachStore({ store, part: { key, sizeBytes } }, createRenewableKeys(), new AbortController().signal);
    };
    expect(await reach('base/data.tar', 100_000)).toEqual({ readBytes: 32_768 });
    expect(await reach('base/small.tar', 4)).toEqual({ readBytes: 4 });
    await expect(reach('base/gone.tar', 4)).rejects.toMatchObject({ code: 'notFound' });
  });
});
