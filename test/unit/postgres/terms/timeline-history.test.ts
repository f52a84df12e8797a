import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseTimelineHistory } from '../../../../src/postgres/terms/timeline-history.ts';

it('reads what a promoted server wrote', () => {
  const text = readFileSync(new URL('../../../fixtures/postgres/00000002.history', import.meta.url), 'utf8');
  expect(parseTimelineHistory(text)).toEqual([
    { timeline: 1, switchLsn: expect.stringMatching(/^0\/[0-9A-F]+$/), reason: 'no recovery target specified' },
  ]);
});

it('passes over comments and blank lines, and keeps the order', () => {
  const text = '# a comment\n\n1\t0/5000000\tbefore 2025-10-24 02:26:08+00\n  2   1/A0000D8\n';
  expect(parseTimelineHistory(text)).toEqual([
    { timeline: 1, switchLsn: '0/5000000', reason: 'before 2025-10-24 02:26:08+00' },
    { timeline: 2, switchLsn: '1/A0000D8', reason: '' },
  ]);
});

it('refuses other lines, and timelines that do not ascend', () => {
  expect(() => parseTimelineHistory('nonsense', '00000003.history')).toThrow(
    "00000003.history: unreadable line 'nonsense'",
  );
  expect(() => parseTimelineHistory('2\t0/1\tx\n1\t0/2\ty\n')).toThrow('timeline 1 comes after 2');
});
