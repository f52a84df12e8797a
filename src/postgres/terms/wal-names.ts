import { OdoError } from '../../errors.ts';

/**
 * Names of WAL files and positions in the WAL, as PostgreSQL writes them (src/include/access/xlog_internal.h): a
 * segment is `TTTTTTTTLLLLLLLLSSSSSSSS`, three hexadecimal numbers: timeline, log, and segment within that log of 4
 * GiB. How many segments a log has depends on the segment size, so most functions here need it.
 */
export const DEFAULT_SEGMENT_SIZE_BYTES = 16 * 1024 * 1024;

const LOG_BYTES = 2 ** 32;
const SEGMENT_NAME = /^[0-9A-F]{24}$/;
const HISTORY_NAME = /^[0-9A-F]{8}\.history$/;

/** A segment: `segmentNumber` counts from the beginning of all WAL and is what consecutive segments differ in. */
export interface Segment {
  timeline: number;
  segmentNumber: number;
}

export function isSegmentName(name: string): boolean {
  return SEGMENT_NAME.test(name);
}

export function isHistoryName(name: string): boolean {
  return HISTORY_NAME.test(name);
}

/** `00000002.history` for timeline 2. */
export function historyName(timeline: number): string {
  return `${hex8(timeline)}.history`;
}

/** The timeline in the name of a segment or a history file. */
export function timelineOfName(name: string): number {
  if (!isSegmentName(name) && !isHistoryName(name)) throw notAName(name);
  return Number.parseInt(name.slice(0, 8), 16);
}

/** Throws dataCorrupt for anything that is not a segment's name, and for one that segments of this size cannot have. */
export function parseSegmentName(name: string, segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES): Segment {
  if (!isSegmentName(name)) throw notAName(name);
  const perLog = segmentsPerLog(segmentSizeBytes);
  const log = Number.parseInt(name.slice(8, 16), 16);
  const segment = Number.parseInt(name.slice(16), 16);
  if (segment >= perLog) {
    throw new OdoError('dataCorrupt', `no WAL segment of ${segmentSizeBytes} bytes can be named ${name}`, {
      hint: 'the WAL belongs to a server with another segment size (initdb --wal-segsize)',
    });
  }
  return { timeline: Number.parseInt(name.slice(0, 8), 16), segmentNumber: log * perLog + segment };
}

export function formatSegmentName(segment: Segment, segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES): string {
  const perLog = segmentsPerLog(segmentSizeBytes);
  const log = Math.floor(segment.segmentNumber / perLog);
  return hex8(segment.timeline) + hex8(log) + hex8(segment.segmentNumber % perLog);
}

/** The segment that follows on the same timeline. */
export function nextSegmentName(name: string, segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES): string {
  const { timeline, segmentNumber } = parseSegmentName(name, segmentSizeBytes);
  return formatSegmentName({ timeline, segmentNumber: segmentNumber + 1 }, segmentSizeBytes);
}

/**
 * All names from `first` to `last`, both included; nothing when `last` comes before `first`.
 * Throws dataCorrupt when they are on different timelines.
 */
export function* segmentsBetween(
  first: string,
  last: string,
  segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES,
): Generator<string, void, undefined> {
  const from = parseSegmentName(first, segmentSizeBytes);
  const to = parseSegmentName(last, segmentSizeBytes);
  if (from.timeline !== to.timeline) {
    throw new OdoError('dataCorrupt', `WAL segments ${first} and ${last} are on different timelines`);
  }
  for (let segmentNumber = from.segmentNumber; segmentNumber <= to.segmentNumber; segmentNumber++) {
    yield formatSegmentName({ timeline: from.timeline, segmentNumber }, segmentSizeBytes);
  }
}

/** `0/2000028`, or `0/02000028`, as a byte position. Throws dataCorrupt for anything else. */
export function parseLsn(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new OdoError('dataCorrupt', `not a WAL position (LSN): '${text}'`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/**
 * Spells a byte position as ODO does everywhere, without leading zeros: `0/2000028`. So does PostgreSQL up to version
 * 18; from 19 on it writes eight digits behind the slash.
 */
export function formatLsn(lsn: bigint): string {
  const hex = (part: bigint) => part.toString(16).toUpperCase();
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffffffffn)}`;
}

/** Spells an LSN as ODO does. `dataCorrupt` for a text that is no LSN. */
export function respellLsn(text: string): string {
  return formatLsn(parseLsn(text));
}

/** The name of the segment that holds the byte at `lsn`. */
export function segmentOfLsn(
  lsn: bigint,
  timeline: number,
  segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES,
): string {
  return formatSegmentName({ timeline, segmentNumber: Number(lsn / BigInt(segmentSizeBytes)) }, segmentSizeBytes);
}

/**
 * The last segment needed to replay up to `endLsn`, an end position as backups record it. An end on a segment's first
 * byte needs nothing of that segment (PostgreSQL's XLByteToPrevSeg).
 */
export function segmentBeforeLsn(
  endLsn: bigint,
  timeline: number,
  segmentSizeBytes: number = DEFAULT_SEGMENT_SIZE_BYTES,
): string {
  return segmentOfLsn(endLsn > 0n ? endLsn - 1n : endLsn, timeline, segmentSizeBytes);
}

/**
 * The segment size of the server where the byte at `lsn` lies in the segment `name`. Only one size fits, since a
 * segment of half the size has twice the number. undefined when none fits, or several do, as in the very first segment.
 */
export function inferSegmentSize(lsn: bigint, name: string): number | undefined {
  const timeline = timelineOfName(name);
  const fitting: number[] = [];
  for (let sizeBytes = 2 ** 20; sizeBytes <= 2 ** 30; sizeBytes *= 2) {
    if (segmentOfLsn(lsn, timeline, sizeBytes) === name) fitting.push(sizeBytes);
  }
  return fitting.length === 1 ? fitting[0] : undefined;
}

function segmentsPerLog(segmentSizeBytes: number): number {
  const valid =
    Number.isInteger(Math.log2(segmentSizeBytes)) && segmentSizeBytes >= 2 ** 20 && segmentSizeBytes <= 2 ** 30;
  if (!valid) {
    throw new OdoError('dataCorrupt', `not a WAL segment size: ${segmentSizeBytes} bytes`, {
      hint: 'PostgreSQL has powers of two from 1 MiB to 1 GiB',
    });
  }
  return LOG_BYTES / segmentSizeBytes;
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

function notAName(name: string): OdoError {
  return new OdoError('dataCorrupt', `not the name of a WAL segment or timeline history: '${name}'`);
}
