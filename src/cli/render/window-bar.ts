import type { ListedBackup } from '../../restore/proofs/catalogue.ts';
import type { TimelineWindow } from '../../wal/moments/window.ts';

const MARK = { recoverable: '━', wal: '─', hole: '╳', backup: '●' } as const;
const LEGEND =
  `${MARK.backup} end of a backup  ${MARK.recoverable} can be recovered  ${MARK.hole} WAL is missing  ` +
  `${MARK.wal} WAL that no backup leads to`;

/** The narrowest picture that says anything. */
const MIN_CELLS = 20;

/**
 * Draws what can be recovered, with a line of `columns` characters for each timeline and a legend. The lines go from
 * the end of the oldest usable backup to the last archived segment, with labels at both ends. Nothing when there is no
 * stretch of time to draw.
 */
export function windowBar(
  timelines: readonly TimelineWindow[],
  backups: readonly ListedBackup[],
  columns: number,
): string[] {
  const starts = timelines.flatMap(({ stretches }) => stretches.flatMap(({ fromTime }) => timesOf(fromTime)));
  const ends = timelines.flatMap(({ lastTime, stretches }) => [
    ...timesOf(lastTime),
    ...stretches.flatMap(({ toTime }) => timesOf(toTime)),
  ]);
  const [from, to] = [Math.min(...starts), Math.max(...ends)];
  const labelWidth = Math.max(...timelines.map(({ timeline }) => label(timeline).length));
  const cells = columns - labelWidth - 2;
  if (!(from < to) || !Number.isFinite(to - from) || cells < MIN_CELLS) return [];

  const cellOf = (time: string) =>
    Math.min(cells - 1, Math.max(0, Math.floor(((Date.parse(time) - from) / (to - from)) * cells)));
  const lines = timelines.map(
    (window) => `${label(window.timeline).padEnd(labelWidth)}  ${draw(window, backups, cells, cellOf)}`,
  );
  const [first, last] = [stamp(from), stamp(to)];
  const axis = first + last.padStart(Math.max(last.length + 1, cells - first.length));
  const indent = ' '.repeat(labelWidth + 2);
  return [...lines, `${indent}${axis}`, `${indent}${LEGEND}`];
}

function draw(
  window: TimelineWindow,
  backups: readonly ListedBackup[],
  cells: number,
  cellOf: (time: string) => number,
): string {
  const line = new Array<string>(cells).fill(' ');
  const paint = (from: string | undefined, to: string | undefined, mark: string) => {
    if (from === undefined || to === undefined) return;
    line.fill(mark, cellOf(from), Math.max(cellOf(from), cellOf(to)) + 1);
  };
  paint(window.firstTime, window.lastTime, MARK.wal);
  for (const { fromTime, toTime } of window.stretches) paint(fromTime, toTime, MARK.recoverable);
  for (const { endTime, timeline, usable } of backups) {
    if (usable && timeline === window.timeline) paint(endTime, endTime, MARK.backup);
  }
  // Holes are painted last, and have at least one character: a hole of a second is a hole.
  for (const { after, before } of window.holes) paint(after ?? before, before ?? after, MARK.hole);
  return line.join('').trimEnd();
}

function label(timeline: number): string {
  return `timeline ${timeline}`;
}

function timesOf(time: string | undefined): number[] {
  return time === undefined ? [] : [Date.parse(time)];
}

function stamp(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}
