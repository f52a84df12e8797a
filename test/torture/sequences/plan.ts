import { createRandom } from '../random.ts';
import { ODO_OPERATIONS } from './odo-operations.ts';
import type { Operation } from './operation.ts';
import { PEOPLE_OPERATIONS } from './people-operations.ts';
import type { Layout, OldData } from './stage.ts';

export const OPERATIONS: readonly Operation[] = [...ODO_OPERATIONS, ...PEOPLE_OPERATIONS];

/** One sequence as the seed has it. A step that does not apply when its turn comes is passed over. */
export interface PlannedSequence {
  /** From 1 on. */
  number: number;
  old: OldData;
  layout: Layout;
  /**
   * Each with the words that its own random numbers follow from, so that it is the same whatever is left out before it.
   */
  steps: readonly { operation: Operation; index: number }[];
}

/** More than are played, since some do not apply. */
const STEPS = 14;

/** The n-th sequence is the same however many follow it. */
export function planSequence(seed: number, number: number): PlannedSequence {
  const random = createRandom(seed, 'sequence', number);
  const old = random.pick(['same', 'same', 'same', 'other', 'empty'] as const);
  const layout = random.pick(['root', 'below'] as const);
  // As often in the list as its weight says, in tenths.
  const deck = OPERATIONS.flatMap((operation) =>
    Array.from({ length: Math.round((operation.weight ?? 1) * 10) }, () => operation),
  );
  return {
    number,
    old,
    layout,
    steps: Array.from({ length: STEPS }, (_, index) => ({ operation: random.pick(deck), index })),
  };
}
