import type { Fault } from './fault.ts';
import type { Moment } from './odo-run.ts';
import { createRandom } from './random.ts';
import type { RepositoryName } from './repository.ts';

/** One run as the seed has it. */
export interface PlannedRun {
  /** From 1 on. */
  number: number;
  fault: Fault;
  moment: Moment;
  repository: RepositoryName;
}

/**
 * All faults in rounds of a shuffled order, each as often as its weight says; from round to round a fault goes through
 * its moments, so that a few hundred runs meet every fault at several of them. The n-th run is the same however many
 * follow it.
 */
export function schedule(seed: number, faults: readonly Fault[], count: number): PlannedRun[] {
  const random = createRandom(seed, 'schedule');
  const hands = new Map(faults.map((fault) => [fault, { used: 0, due: 0, moments: random.shuffle(fault.moments) }]));
  const runs: PlannedRun[] = [];
  while (runs.length < count) {
    const round = faults.flatMap((fault) => {
      const hand = hands.get(fault);
      if (!hand) return [];
      // A fault of little weight has its turn in every so-many-th round, not all of them in the same.
      hand.due += (fault.weight ?? 1) + (hand.due === 0 ? random.next() * ((fault.weight ?? 1) < 1 ? 1 : 0) : 0);
      const times = Math.floor(hand.due + 1e-9);
      hand.due -= times;
      return Array.from({ length: times }, () => fault);
    });
    for (const fault of random.shuffle(round)) {
      const hand = hands.get(fault);
      if (!hand) continue;
      const at = hand.moments[hand.used % Math.max(hand.moments.length, 1)] ?? 'start';
      hand.used += 1;
      const repository = random.pick(fault.repositories);
      // A little more than a whole phase, so that its end is met too.
      runs.push({ number: runs.length + 1, fault, moment: { at, share: random.next() * 1.1 }, repository });
    }
  }
  return runs.slice(0, count);
}
