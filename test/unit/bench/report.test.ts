import { describe, expect, it } from 'vitest';
import { outcomeSection, reportText, targetTable } from '../../bench/report.ts';
import type { Outcome } from '../../bench/scenario.ts';
import { judge } from '../../bench/targets.ts';
import type { Usage } from '../../bench/time-output.ts';

const MIB = 2 ** 20;
const run = (seconds: number, cpuSeconds: number, peakMib: number): Usage => ({
  seconds,
  cpuSeconds,
  peakMemoryBytes: peakMib * MIB,
});

const A: Outcome = {
  letter: 'A',
  title: 'One big cluster',
  about: 'About it.',
  restoredBytes: 4e9,
  results: [
    { name: 'ODO', settings: 'none', runs: [run(10, 12, 200), run(8, 11, 220), run(30, 13, 210)] },
    { name: 'aws | tar', settings: 'its own', runs: [run(30, 30, 90), run(31, 31, 90), run(29, 29, 90)] },
    { name: 'download, then tar', settings: 'its own', runs: [run(24, 30, 90), run(24, 31, 90), run(24, 29, 90)] },
    { name: 'floor: local tar', settings: '-', runs: [run(9, 1, 2), run(9, 1, 2), run(9, 1, 2)] },
    { name: 'floor: dd', settings: '-', runs: [run(5, 1, 2), run(5, 1, 2), run(5, 1, 2)] },
  ],
};

describe('judge', () => {
  it('compares medians with each target of the scenarios that have run, and with no other', () => {
    expect(
      judge([A]).map(({ target, measured, met }) => [target.scenario, target.what, Number(measured.toFixed(3)), met]),
    ).toEqual([
      ['A', 'as fast as aws | tar', 3, true],
      ['A', 'as fast as download, then tar', 2.4, false],
      ['A', 'as long as the larger floor', 1.111, true],
      ['A', 'the CPU seconds of aws | tar', 0.4, true],
      ['all', "ODO's peak memory", 220, true],
    ]);
  });

  it('takes the larger of two peaks of ODO, and their ratio', () => {
    const memory: Outcome = {
      letter: 'M',
      title: 'Memory',
      about: '',
      results: [
        { name: 'ODO, small', settings: '', runs: [run(1, 1, 200)] },
        { name: 'ODO, large', settings: '', runs: [run(9, 9, 300)] },
      ],
    };
    expect(judge([memory]).map(({ measured, met }) => [measured, met])).toEqual([
      [300, false],
      [1.5, false],
    ]);
  });
});

describe('the page', () => {
  it('has a line for each contestant', () => {
    expect(outcomeSection(A).slice(5, 9)).toEqual([
      '|  | seconds | median | MB/s | CPU s | peak MiB | to ODO |',
      '| --- | --- | --: | --: | --: | --: | --: |',
      '| ODO | 10.0 8.0 30.0 | 10.0 | 400 | 12.0 | 220 | 1.00× |',
      '| aws \\| tar | 30.0 31.0 29.0 | 30.0 | 133 | 30.0 | 90 | 3.00× |',
    ]);
  });

  it('leaves out what was not measured', () => {
    const { restoredBytes, ...rest } = A;
    const outcome = { ...rest, results: [{ name: 'ODO', settings: '', runs: [{ seconds: 2 }] }] };
    expect(outcomeSection(outcome)[7]).toBe('| ODO | 2.0 | 2.0 |  |  |  | 1.00× |');
  });

  it('says which target was missed', () => {
    expect(targetTable(judge([A])).slice(2, 4)).toEqual([
      '| A | at least 2.5× as fast as aws \\| tar | 3.00× | met |',
      '| A | at least 2.5× as fast as download, then tar | 2.40× | **missed** |',
    ]);
  });

  it('holds what people have written', () => {
    const setting = {
      date: '2026-01-02',
      machine: ['2 cores'],
      versions: ['ODO 1'],
      rounds: 3,
      minutes: 24.6,
      command: 'npm run bench',
    };
    const text = reportText([A], setting, '## Where the time goes\n\nInto inflating.\n');
    expect(text).toContain('by `npm run bench` on 2026-01-02, in 25 minutes');
    expect(text).toContain('- 2 cores\n- ODO 1\n');
    expect(text.endsWith('## Where the time goes\n\nInto inflating.\n')).toBe(true);
  });
});
