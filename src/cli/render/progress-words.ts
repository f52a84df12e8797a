import type { Phase, Progress, Rate } from '../../events.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import { formatDuration } from './format-duration.ts';

/** The phases as a person reads them. */
export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  prove: 'checking',
  stop: 'stopping the service',
  'lay-down': 'laying the backup down',
  wal: 'fetching WAL',
  verify: 'checking data pages',
  sync: 'flushing to disk',
  rehearse: 'trying whether the server will start',
  swap: 'exchanging old and new data',
  start: 'starting the service',
  recover: 'recovering',
  check: 'checking the restored database',
  clean: 'cleaning up',
  'post-sql': 'running scripts',
  list: 'reading the catalogue',
  follow: 'following the archive',
  'read-image': "checking the image's archive",
  'load-image': 'loading the image',
  'try-image': 'starting the image once',
};

/** A phase that is under way. */
export interface Underway {
  phase: Phase;
  /** The last progress of the phase, if there was any. */
  progress?: Progress | undefined;
  /** How long the phase has run. */
  elapsedMs: number;
  /** How long the phase has told nothing. */
  silentMs: number;
}

/** The shortest silence that is told. */
const SILENCE_MS = 5_000;
const BAR_WIDTH = { least: 8, most: 24 };
/** The width of the words beside the bar. */
const HEAD_WIDTH = 72;

/** The lines of a phase for a live display: how far it is, and below that the numbers. */
export function progressLines(underway: Underway, width: number): string[] {
  const { phase, progress } = underway;
  const share = progress && shareOf(progress);
  const barWidth = Math.min(BAR_WIDTH.most, width - HEAD_WIDTH);
  const bar = share === undefined || barWidth < BAR_WIDTH.least ? '' : `  ${barOf(share, barWidth)}`;
  return [`${PHASE_WORDS[phase]}${bar}  ${headWords(underway)}`, ...factsOf(progress)];
}

/** The words of a phase in one line. */
export function progressLine(underway: Underway): string {
  return `${PHASE_WORDS[underway.phase]}: ${[headWords(underway), ...factsOf(underway.progress)].join('; ')}`;
}

function headWords({ progress, elapsedMs, silentMs }: Underway): string {
  const share = progress && shareOf(progress);
  const words = share === undefined ? [] : [`${Math.floor((100 * share.done) / share.total)} %`];
  if (progress && silentMs >= SILENCE_MS) words.push(`nothing new for ${formatDuration(silentMs)}`);
  else if (progress?.etaMs) words.push(`${formatDuration(progress.etaMs)} left`);
  words.push(`${formatDuration(elapsedMs)} so far`);
  return words.join(', ');
}

interface Share {
  done: number;
  total: number;
}

/** How much is done; undefined when the total is not known. */
function shareOf({ replayBytes, lagBytes, readBytes, totalBytes }: Progress): Share | undefined {
  const isReplay = replayBytes !== undefined && lagBytes !== undefined;
  const total = isReplay ? replayBytes : totalBytes;
  const done = isReplay ? replayBytes - lagBytes : readBytes;
  if (!total || done === undefined) return undefined;
  return { done: Math.min(total, Math.max(0, done)), total };
}

function barOf({ done, total }: Share, width: number): string {
  const filled = Math.floor((width * done) / total);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

function factsOf(progress: Progress | undefined): string[] {
  if (!progress) return [];
  const { readBytes, totalBytes, writtenBytes, totalWrittenBytes, segments, totalSegments, replayLsn, endLsn } =
    progress;
  const facts: string[] = [];
  if (readBytes !== undefined)
    facts.push(`read ${ofTotal(readBytes, totalBytes)}${rateWords(progress.readBytesPerSecond)}`);
  if (writtenBytes !== undefined) {
    facts.push(
      'written ' +
        `${ofTotal(writtenBytes, totalWrittenBytes)}${rateWords(progress.writtenBytesPerSecond)}${fileWords(progress)}`,
    );
  }
  if (segments !== undefined || totalSegments) {
    facts.push(`${segments ?? 0}${totalSegments ? ` of ${totalSegments}` : ''} WAL segments fetched`);
  }
  if (replayLsn !== undefined) {
    const end = endLsn === undefined ? '' : ` of ${endLsn}`;
    facts.push(`replayed to ${replayLsn}${end}${rateWords(progress.replayedBytesPerSecond)}`);
  }
  if (progress.lagBytes !== undefined) {
    facts.push(`${formatBytes(progress.lagBytes)} of WAL (${progress.lagSegments ?? 0} segments) to replay`);
  }
  if (progress.replayTime !== undefined) facts.push(`last commit ${progress.replayTime}`);
  return facts;
}

function ofTotal(bytes: number, total: number | undefined): string {
  return total ? `${formatBytes(bytes)} of ${formatBytes(total)}` : formatBytes(bytes);
}

function rateWords(rate: Rate | undefined): string {
  return rate ? `, ${formatBytes(rate.current)}/s now, ${formatBytes(rate.mean)}/s on average` : '';
}

function fileWords({ files, totalFiles }: Progress): string {
  if (files === undefined) return '';
  return `, ${files}${totalFiles ? ` of ${totalFiles}` : ''} files`;
}
