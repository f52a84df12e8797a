import { expect, it } from 'vitest';
import { verdictLine } from '../torture/report.ts';
import { torture } from '../torture/torture.ts';

// A dozen of what `npm run torture` does by the hundred. The seed's first runs meet the store, the processes and the
// disk.
it('leaves either the restored server or the old one, whatever goes wrong in the middle', async () => {
  const { verdicts } = await torture({ runs: 12, seed: 20, jobs: 2, onVerdict() {} });
  const defects = verdicts.filter(({ outcome }) => outcome === 'DEFECT');
  expect(defects.map((verdict) => `${verdictLine(verdict)}\n${verdict.evidence}`)).toEqual([]);
  expect(verdicts).toHaveLength(12);
});
