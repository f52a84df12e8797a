import { expect, it } from 'vitest';
import { filesToReplay } from '../../../../src/wal/plan/replay-files.ts';
import type { TimelineSpan } from '../../../../src/wal/timelines/timeline-path.ts';
import { archiveOf, segment } from '../../parts/named-archive.ts';

const SIZE_BYTES = 16 * 2 ** 20;

async function replay(names: string[], spans: TimelineSpan[], segmentSizeBytes = SIZE_BYTES): Promise<string[]> {
  const steps: string[] = [];
  for await (const step of filesToReplay(archiveOf(names), spans, segmentSizeBytes)) {
    steps.push(step.kind === 'hole' ? `hole at ${step.missing}` : step.file.name);
  }
  return steps;
}

const ONE: TimelineSpan[] = [{ timeline: 1, firstSegment: segment(1, 2) }];

/** Timeline 2 branches off in the middle of segment 4. */
const BRANCH_WITHIN: TimelineSpan[] = [
  { timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 4) },
  { timeline: 2, firstSegment: segment(2, 4) },
];

/** Timeline 2 branches off at the very end of segment 4. */
const BRANCH_AT_END: TimelineSpan[] = [
  { timeline: 1, firstSegment: segment(1, 2), lastSegment: segment(1, 4) },
  { timeline: 2, firstSegment: segment(2, 5) },
];

it('goes to the end of the archive on one timeline', async () => {
  const names = [1, 2, 3, 4].map((number) => segment(1, number));
  expect(await replay([...names, segment(2, 5)], ONE)).toEqual(names.slice(1));
});

it('crosses from one log of 4 GiB to the next without seeing a hole', async () => {
  const names = ['0000000100000000000000FE', '0000000100000000000000FF', '000000010000000100000000'];
  expect(await replay(names, [{ timeline: 1, firstSegment: '0000000100000000000000FE' }])).toEqual(names);
  const wide = ['000000010000000000000003', '000000010000000100000000'];
  expect(await replay(wide, [{ timeline: 1, firstSegment: '000000010000000000000003' }], 2 ** 30)).toEqual(wide);
});

it('tells of the first hole and gives nothing after it', async () => {
  const names = [2, 3, 6, 8].map((number) => segment(1, number));
  expect(await replay(names, ONE)).toEqual([segment(1, 2), segment(1, 3), `hole at ${segment(1, 4)}`]);
});

it('calls it a hole when the very first is missing and later ones are there', async () => {
  expect(await replay([segment(1, 3)], ONE)).toEqual([`hole at ${segment(1, 2)}`]);
  expect(await replay([], ONE)).toEqual([]);
});

it('takes what comes of the old timeline, then the new one from the same number on', async () => {
  const names = [segment(1, 2), segment(1, 3), segment(1, 4), segment(2, 4), segment(2, 5)];
  expect(await replay([...names, segment(1, 5), segment(1, 6)], BRANCH_WITHIN)).toEqual(names);
});

it('does without the segment of the branch on the old timeline: the new one has its content too', async () => {
  const names = [segment(1, 2), segment(1, 3), segment(2, 4)];
  expect(await replay(names, BRANCH_WITHIN)).toEqual(names);
});

it('does not do without a whole segment before a branch at its end: nobody else has its content', async () => {
  const names = [segment(1, 2), segment(1, 3), segment(2, 5)];
  expect(await replay(names, BRANCH_AT_END)).toEqual([segment(1, 2), segment(1, 3), `hole at ${segment(1, 4)}`]);
});

it('calls it a hole when more than the segment of the branch is missing', async () => {
  expect(await replay([segment(1, 2), segment(2, 4)], BRANCH_WITHIN)).toEqual([
    segment(1, 2),
    `hole at ${segment(1, 3)}`,
  ]);
});

it('calls it a hole when the new timeline begins later than the old one ends', async () => {
  expect(await replay([segment(1, 2), segment(1, 3), segment(1, 4), segment(2, 5)], BRANCH_WITHIN)).toEqual([
    segment(1, 2),
    segment(1, 3),
    segment(1, 4),
    `hole at ${segment(2, 4)}`,
  ]);
});
