import { beforeEach, expect, it, vi } from 'vitest';
import { type ErrorCode, OdoError } from '../../../../src/errors.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { DirectoryRequest } from '../../../../src/restore/contract/request.ts';
import { intoDirectory } from '../../../../src/restore/into-directory/restore-into-directory.ts';
import { restore } from '../../../../src/restore/procedure/restore.ts';

const PLACES = { pgdata: { root: '/data', odoDir: '/data/.odo' }, tablespaces: [] };

/** The steps of the engine that were taken, and what they end with, if not well. */
let did: string[];
let faults: Partial<Record<keyof Engine, OdoError>>;
let isTakenBack: boolean;

vi.mock('../../../../src/restore/engine/directory-engine.ts', () => ({
  createDirectoryEngine: () => {
    const step =
      <T>(name: keyof Engine, result: () => T) =>
      async () => {
        did.push(name);
        const fault = faults[name];
        if (fault) throw fault;
        return result();
      };
    return {
      takeSalvage: step('takeSalvage', () => undefined),
      layDown: step('layDown', () => ({ overridden: [] })),
      swap: step('swap', () => undefined),
      takeBack: step('takeBack', () => isTakenBack),
      discard: step('discard', () => undefined),
      finish: step('finish', () => ({ leftSettings: [] })),
    } as Partial<Record<keyof Engine, unknown>>;
  },
}));
vi.mock('../../../../src/restore/into-directory/prove-directory.ts', () => ({
  proveDirectory: async () => ({
    source: {
      repository: { ref: { format: 'barman', root: '' } },
      backup: { id: 'b1', tablespaces: [], parts: [], wal: 'archive' },
      wal: { source: 'archive', spans: [], endSegment: '000000010000000000000003', segmentSizeBytes: 1 << 24 },
    },
    places: PLACES,
    configuration: { settings: [], keepArchiving: false },
    oldData: undefined,
    owner: undefined,
    proofs: [],
  }),
}));

beforeEach(() => {
  did = [];
  faults = {};
  isTakenBack = true;
});

function into(request: Partial<DirectoryRequest> = {}) {
  const whole = { into: '/data', store: { url: '/nowhere' }, salvage: true, acceptLoss: true, ...request };
  const asked = whole as unknown as DirectoryRequest;
  return restore(intoDirectory(asked), asked, {
    report: () => undefined,
    signal: new AbortController().signal,
    version: '1',
    confirm: async () => true,
  });
}

const failing = (code: ErrorCode) => new OdoError(code, 'it failed');

it('lays down, exchanges and keeps what was there before', async () => {
  expect(await into()).toMatchObject({ kind: 'receipt', dataDirectory: '/data' });
  expect(did).toEqual(['takeSalvage', 'layDown', 'swap', 'finish']);
});

it('undoes nothing when nothing was laid down yet', async () => {
  faults.takeSalvage = failing('dataCorrupt');
  await expect(into()).rejects.toMatchObject({ message: 'it failed', hint: undefined });
  expect(did).toEqual(['takeSalvage']);
});

it('keeps what was laid down when the same command can go on from it', async () => {
  faults.layDown = failing('storeUnreachable');
  await expect(into()).rejects.toMatchObject({ hint: expect.stringContaining('rm -r /data/.odo') });
  expect(did).toEqual(['takeSalvage', 'layDown']);
});

it.each<[string, ErrorCode, Partial<DirectoryRequest>]>([
  ['the backup is damaged', 'dataCorrupt', {}],
  ['nothing is to be kept', 'storeUnreachable', { discard: true }],
])('removes what was laid down when %s', async (_when, code, request) => {
  faults.layDown = failing(code);
  await expect(into(request)).rejects.toMatchObject({ code });
  expect(did).toEqual(['takeSalvage', 'layDown', 'discard']);
});

it.each([
  ['keeps it when it is staged again', true, ['takeSalvage', 'layDown', 'swap', 'takeBack']],
  ['removes it when it is not', false, ['takeSalvage', 'layDown', 'swap', 'takeBack', 'discard']],
])('takes an exchange back that failed, and %s', async (_what, isStaged, steps) => {
  faults.swap = failing('noSpace');
  isTakenBack = isStaged;
  await expect(into()).rejects.toMatchObject({ code: 'noSpace' });
  expect(did).toEqual(steps);
});
