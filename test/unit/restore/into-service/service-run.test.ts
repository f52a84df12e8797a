import { expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import { closeEngine, onEngine, type ServiceRun } from '../../../../src/restore/into-service/service-run.ts';
import { openServiceEngine } from '../../../../src/restore/service/open-service-engine.ts';

vi.mock('../../../../src/restore/service/open-service-engine.ts', () => ({ openServiceEngine: vi.fn() }));

const gone = new OdoError('dockerUnreachable', 'the line is broken');

/** A run whose first engine cannot be reached, and the one that is opened in its place. */
function brokenRun() {
  const closed: unknown[] = [];
  const dead = { close: async (options?: object) => void closed.push(options) } as Partial<Engine> as Engine;
  const next = {} as Engine;
  vi.mocked(openServiceEngine).mockReset().mockResolvedValue(next);
  const run = { engine: dead, proven: {}, request: {}, version: '1.0' } as ServiceRun;
  const step = async (engine: Engine) => {
    if (engine === dead) throw gone;
    return engine;
  };
  return { run, step, next, closed };
}

it('an engine out of reach is left for the next, so that a server that waits for WAL goes on waiting', async () => {
  const { run, step, next, closed } = brokenRun();
  expect(await onEngine(run, step)).toBe(next);
  expect(closed).toEqual([{ forAnother: true }]);
  expect(run.engine).toBe(next);
});

it('all who find it gone go on with the same one', async () => {
  const { run, step, next, closed } = brokenRun();
  expect(await Promise.all([onEngine(run, step), onEngine(run, step)])).toEqual([next, next]);
  expect(closed).toHaveLength(1);
  expect(openServiceEngine).toHaveBeenCalledTimes(1);
});

it('who finds gone what another has replaced by then goes on with that one', async () => {
  const { run, step, closed } = brokenRun();
  const other = {} as Engine;
  const late = async (engine: Engine) => {
    run.engine = other;
    return step(engine);
  };
  expect(await onEngine(run, late)).toBe(other);
  expect(closed).toEqual([]);
  expect(openServiceEngine).not.toHaveBeenCalled();
});

it('any other error is told as it is', async () => {
  const { run, closed } = brokenRun();
  const fault = new OdoError('dataCorrupt', 'a fault');
  await expect(onEngine(run, () => Promise.reject(fault))).rejects.toBe(fault);
  expect(closed).toEqual([]);
});

it('a question that is under way when the run closes its engine opens no other', async () => {
  const { run, closed } = brokenRun();
  const held = Promise.withResolvers<never>();
  const asked = onEngine(run, () => held.promise);
  await closeEngine(run);
  held.reject(gone);
  await expect(asked).rejects.toMatchObject({ code: 'dockerUnreachable', message: 'the restore has ended' });
  expect(openServiceEngine).not.toHaveBeenCalled();
  expect(closed).toHaveLength(1);
});

it('one that is just being opened is closed, too', async () => {
  const { run, step, closed } = brokenRun();
  const opening = Promise.withResolvers<Engine>();
  vi.mocked(openServiceEngine).mockReturnValue(opening.promise);
  const asked = onEngine(run, step).catch(() => undefined);
  await vi.waitFor(() => expect(openServiceEngine).toHaveBeenCalled());
  const over = closeEngine(run);
  opening.resolve({ close: async () => void closed.push('the second') } as Partial<Engine> as Engine);
  await Promise.all([over, asked]);
  expect(closed).toEqual([{ forAnother: true }, 'the second']);
});
