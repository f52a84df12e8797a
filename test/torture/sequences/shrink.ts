import type { PlannedSequence } from './plan.ts';
import type { SequenceVerdict } from './play.ts';

/**
 * Leaves steps out, one at a time from the end, for as long as a defect shows all the same. Gives the shortest sequence
 * that was found.
 * @param play plays the steps of these indices
 */
export async function shrink(
  found: SequenceVerdict,
  play: (planned: PlannedSequence, only: ReadonlySet<number>) => Promise<SequenceVerdict>,
  mostTries: number,
): Promise<{ verdict: SequenceVerdict; only: ReadonlySet<number> }> {
  const { planned } = found;
  let best = found;
  let only: ReadonlySet<number> = new Set(planned.steps.map(({ index }) => index));
  let tries = 0;
  for (const index of [...only].reverse()) {
    if (tries >= mostTries) break;
    const fewer = new Set([...only].filter((other) => other !== index));
    tries += 1;
    const verdict = await play(planned, fewer);
    if (!verdict.defect) continue;
    best = verdict;
    only = fewer;
  }
  return { verdict: best, only };
}
