import { describe, expect, it } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { LaidDown } from '../../../../src/restore/contract/lay-down-job.ts';
import type { Plan } from '../../../../src/restore/outcome/receipt.ts';
import { type ProvenRestore, restore } from '../../../../src/restore/procedure/restore.ts';

const PLAN = { kind: 'plan', backup: { id: 'b1' }, dataDirectory: '/data', service: 'db' } as unknown as Plan;
const LAID_DOWN = { files: 1, overridden: ['ssl is off'] } as unknown as LaidDown;

type Step = Exclude<keyof ProvenRestore<unknown>, 'plan'>;

/** Restores to nowhere; `did` has the steps in order. */
function run(faults: Partial<Record<Step | 'prove', Error>> = {}, how: { dryRun?: boolean; confirm?: boolean } = {}) {
  const did: string[] = [];
  const step = async <T>(name: Step | 'prove', result: T): Promise<T> => {
    did.push(name);
    if (faults[name]) throw faults[name];
    return result;
  };
  const proven: ProvenRestore<string> = {
    plan: () => PLAN,
    layDown: () => step('layDown', LAID_DOWN),
    exchange: () => step('exchange', undefined),
    leaveAsBefore: (error) => step('leaveAsBefore', new OdoError(error.code, `${error.message}, and undone`)),
    recover: () => step('recover', 'recovered'),
    tellWayBack: (error) => step('tellWayBack', new OdoError(error.code, `${error.message}, with the way back`)),
    finish: (recovered) => step('finish', { notes: [recovered] }),
    close: () => step('close', undefined),
  };
  const outcome = restore(
    () => step('prove', proven),
    { dryRun: how.dryRun === true },
    {
      report: () => undefined,
      signal: new AbortController().signal,
      version: '1',
      confirm: async (plan) => {
        did.push(plan === PLAN ? 'confirm' : 'confirm something else');
        return how.confirm ?? true;
      },
    },
  );
  outcome.catch(() => undefined);
  return { outcome, did };
}

const failed = new OdoError('recoveryFailed', 'it failed');

it('goes through all steps in order, and makes the receipt of what they gave', async () => {
  const { outcome, did } = run();
  expect(await outcome).toMatchObject({
    kind: 'receipt',
    odoVersion: '1',
    backup: PLAN.backup,
    dataDirectory: '/data',
    service: 'db',
    laidDown: LAID_DOWN,
    notes: ['ssl is off', 'recovered'],
    phases: [{ phase: 'prove' }],
  });
  expect(did).toEqual(['prove', 'confirm', 'layDown', 'exchange', 'recover', 'finish', 'close']);
});

it('gives the plan of a dry run, and touches nothing', async () => {
  const { outcome, did } = run({}, { dryRun: true });
  expect(await outcome).toBe(PLAN);
  expect(did).toEqual(['prove', 'close']);
});

it('touches nothing when it is not confirmed', async () => {
  const { outcome, did } = run({}, { confirm: false });
  await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });
  expect(did).toEqual(['prove', 'confirm', 'close']);
});

describe('a failure', () => {
  it.each<[Step | 'prove', string, string[]]>([
    ['prove', 'it failed', ['prove']],
    ['layDown', 'it failed, and undone', ['prove', 'confirm', 'layDown', 'leaveAsBefore', 'close']],
    ['exchange', 'it failed, and undone', ['prove', 'confirm', 'layDown', 'exchange', 'leaveAsBefore', 'close']],
    [
      'recover',
      'it failed, with the way back',
      ['prove', 'confirm', 'layDown', 'exchange', 'recover', 'tellWayBack', 'close'],
    ],
    ['finish', 'it failed', ['prove', 'confirm', 'layDown', 'exchange', 'recover', 'finish', 'close']],
  ])('of %s ends it: %s', async (step, message, steps) => {
    const { outcome, did } = run({ [step]: failed });
    await expect(outcome).rejects.toMatchObject({ code: 'recoveryFailed', message });
    expect(did).toEqual(steps);
  });

  it('of the closing does not take the place of the outcome', async () => {
    expect(await run({ close: failed }).outcome).toMatchObject({ kind: 'receipt' });
  });
});
