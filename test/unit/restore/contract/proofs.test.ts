import { expect, it } from 'vitest';
import { cancelled, OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { createProofs } from '../../../../src/restore/contract/proofs.ts';

function proofsWithEvents(signal = new AbortController().signal) {
  const events: OdoEvent[] = [];
  return { events, proofs: createProofs((event) => events.push(event), signal) };
}

it('gives what a check found, and tells of it with its evidence', async () => {
  const { proofs, events } = proofsWithEvents();
  expect(await proofs.attempt('store', () => ({ evidence: 's3://bucket', value: 42 }))).toBe(42);
  await proofs.attempt('WAL', async () => ({ evidence: 'a hole', state: 'warning' as const }));
  expect(proofs.all).toEqual([
    { name: 'store', state: 'held', evidence: 's3://bucket' },
    { name: 'WAL', state: 'warning', evidence: 'a hole' },
  ]);
  expect(events).toEqual(proofs.all.map((proof) => ({ type: 'proof', ...proof })));
  expect(() => proofs.demandAll()).not.toThrow();
});

it('goes on after a failure, tells all of them, and demands the first', async () => {
  const { proofs } = proofsWithEvents();
  const first = new OdoError('notFound', 'no bucket', { hint: 'make one' });
  expect(
    await proofs.attempt('store', () => {
      throw first;
    }),
  ).toBeUndefined();
  await proofs.attempt('docker', async () => ({ evidence: 'there' }));
  await proofs.attempt('volume', () => Promise.reject(new OdoError('serviceNotFound', 'no volume')));
  expect(proofs.all.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'store failed',
    'docker held',
    'volume failed',
  ]);
  expect(proofs.all[0]).toMatchObject({
    evidence: 'no bucket',
    error: { code: 'notFound', exitCode: 12, hint: 'make one' },
  });
  expect(() => proofs.demandAll()).toThrow(first);
});

it('takes neither a bug nor a cancellation for a failed proof', async () => {
  const controller = new AbortController();
  const { proofs } = proofsWithEvents(controller.signal);
  await expect(proofs.attempt('x', () => Promise.reject(new TypeError('oops')))).rejects.toMatchObject({ code: 'bug' });
  await expect(proofs.attempt('x', () => Promise.reject(cancelled()))).rejects.toMatchObject({ code: 'cancelled' });
  controller.abort();
  await expect(proofs.attempt('x', () => Promise.reject(new Error('socket hang up')))).rejects.toMatchObject({
    code: 'cancelled',
  });
  expect(proofs.all).toEqual([]);
  expect(() => proofs.demandAll()).not.toThrow();
});
