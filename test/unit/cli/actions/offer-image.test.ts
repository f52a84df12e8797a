import { beforeEach, describe, expect, it, vi } from 'vitest';
import { offeringImage } from '../../../../src/cli/actions/offer-image.ts';
import type { CommandContext } from '../../../../src/cli/request/command.ts';
import { OdoError } from '../../../../src/errors.ts';

const found = vi.hoisted(() => ({
  beside: undefined as string | undefined,
  isLacking: true,
  somebody: true,
  answer: true,
}));
const load = vi.hoisted(() => vi.fn());

vi.mock('../../../../src/restore/engine/image-file.ts', () => ({ imageFileBeside: () => found.beside }));
vi.mock('../../../../src/restore/image/lacks-image.ts', () => ({ lacksImage: async () => found.isLacking }));
vi.mock('../../../../src/restore/image/load-image.ts', () => ({ loadImage: load }));
vi.mock('../../../../src/cli/request/ask.ts', () => ({
  somebodyToAsk: () => found.somebody,
  confirmQuestion: async () => found.answer,
}));

describe('a command that needs the restore image', () => {
  const context = { report: () => undefined, signal: new AbortController().signal } as unknown as CommandContext;
  let ran: number;
  const command = offeringImage(async () => void ran++);

  beforeEach(() => {
    ran = 0;
    Object.assign(found, { beside: '/opt/odo/image.tar.gz', isLacking: true, somebody: true, answer: true });
    load.mockReset().mockImplementation(async (_request, { confirm }) => {
      if (!(await confirm('?'))) throw new OdoError('cancelled', 'cancelled before anything was loaded');
    });
  });

  it('offers to load it first, under the name that it looks for', async () => {
    await command({ image: 'own/odo:1' }, context);
    expect(load.mock.calls[0]?.[0]).toEqual({ image: 'own/odo:1', file: '/opt/odo/image.tar.gz' });
    expect(ran).toBe(1);
  });

  it('goes on without it when the answer is no', async () => {
    found.answer = false;
    await command({}, context);
    expect([load.mock.calls.length, ran]).toEqual([1, 1]);
  });

  it('ends where the loading fails, or is broken off', async () => {
    load.mockRejectedValue(new OdoError('dataCorrupt', 'it is damaged'));
    await expect(command({}, context)).rejects.toThrow('it is damaged');
    found.answer = false;
    const broken = { ...context, signal: AbortSignal.abort() };
    load.mockImplementation(async (_request, { confirm }) => {
      await confirm('?');
      throw new OdoError('cancelled', 'cancelled');
    });
    await expect(command({}, broken)).rejects.toThrow('cancelled');
    expect(ran).toBe(0);
  });

  it.each([
    ['no archive lies there', { beside: undefined }, {}],
    ['the engine has it', { isLacking: false }, {}],
    ['nobody is there', { somebody: false }, {}],
    ['nobody is to be asked', {}, { yes: true }],
    ['a program reads the output', {}, { json: true }],
    ['a directory is restored, without Docker', {}, { into: '/srv/pgdata' }],
  ])('offers nothing where %s', async (_why, state, args) => {
    Object.assign(found, state);
    await command(args, context);
    expect([load.mock.calls.length, ran]).toEqual([0, 1]);
  });
});
