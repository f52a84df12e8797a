import { createHash } from 'node:crypto';
import { OdoError } from '../../errors.ts';
import { respellLsn } from '../terms/wal-names.ts';

/**
 * `backup_manifest`, the JSON that pg_basebackup leaves beside (or in) a backup. It can have hundreds of megabytes.
 * PostgreSQL writes it in one fixed order, so its first and last lines describe the backup. Source: PostgreSQL
 * documentation, "Backup Manifest Format"; src/backend/backup/backup_manifest.c.
 */

/** WAL needed to make the backup consistent. LSNs without leading zeros, as ODO spells them. */
export interface WalRange {
  timeline: number;
  startLsn: string;
  endLsn: string;
}

export interface ManifestSummary {
  /** 1, or 2 (PostgreSQL 17 and later), which adds the system identifier. */
  version: number;
  /** A 64-bit number as decimal text. */
  systemIdentifier?: string;
  walRanges: WalRange[];
  /** SHA256 of all that stands before it. */
  manifestChecksum?: string;
}

export interface ManifestFile {
  /**
   * Relative to the data directory. Bytes that are no UTF-8 become replacement characters, as they do in names read
   * from a tar.
   */
  path: string;
  sizeBytes: number;
  /** CRC32C, SHA224, SHA256, SHA384 or SHA512. */
  checksumAlgorithm?: string;
  /** Lower-case hexadecimal. */
  checksum?: string;
}

export interface Manifest extends ManifestSummary {
  files: ManifestFile[];
}

/** How many bytes from a manifest's start readManifestSummary() needs: ample for any that PostgreSQL writes. */
export const MANIFEST_HEAD_BYTES = 512;
/** How many bytes from a manifest's end readManifestSummary() needs, likewise ample. */
export const MANIFEST_TAIL_BYTES = 32 * 1024;

const WAL_RANGES = '"WAL-Ranges"';

/**
 * Reads the summary from the manifest's first and last bytes. `dataCorrupt` when they are not a manifest's, as in one
 * cut short.
 */
export function readManifestSummary(head: string | Uint8Array, tail: string | Uint8Array): ManifestSummary {
  const start = textOf(head);
  const version = /^\s*\{\s*"PostgreSQL-Backup-Manifest-Version":\s*(\d+)/.exec(start)?.[1];
  if (version === undefined) throw corrupt('it does not begin like one');
  const summary: ManifestSummary = { version: Number(version), ...readEnd(textOf(tail)) };
  // Taken from the text: as a JavaScript number it would lose its last digits.
  const systemIdentifier = /^[^[]*?"System-Identifier":\s*(\d+)/.exec(start)?.[1];
  if (systemIdentifier !== undefined) summary.systemIdentifier = systemIdentifier;
  return summary;
}

/** Reads all of a manifest. `dataCorrupt` when it is no manifest, or does not fit its own checksum. */
export function parseManifest(text: string): Manifest {
  const summary = readManifestSummary(text.slice(0, MANIFEST_HEAD_BYTES), text.slice(-MANIFEST_TAIL_BYTES));
  demandOwnChecksum(text, summary);
  const { Files: files } = parseJson(text) as { Files?: RawFile[] };
  if (!Array.isArray(files)) throw corrupt('it has no list of files');
  return { ...summary, files: files.map(toFile) };
}

/** `dataCorrupt` when the manifest does not fit its own checksum, which covers the text up to the checksum's line. */
export function demandOwnChecksum(text: string, summary: ManifestSummary): void {
  if (summary.manifestChecksum === undefined) return;
  const signed = text.slice(0, text.lastIndexOf('\n', text.lastIndexOf('"Manifest-Checksum"')) + 1);
  const actual = createHash('sha256').update(signed).digest('hex');
  if (actual !== summary.manifestChecksum) throw corrupt(`its SHA256 is ${actual}, not ${summary.manifestChecksum}`);
}

/** The files of a backup by their sizes: all of them, and those of each tablespace by its OID. */
export interface ManifestSizes {
  files: number;
  sumBytes: number;
  tablespaces: Map<number, { files: number; sumBytes: number }>;
}

/**
 * Counts the files and sums their sizes, without making objects of the manifest. A restore takes this much, except for
 * pg_wal.
 */
export function sumManifestSizes(text: string): ManifestSizes {
  const whole = { files: 0, sumBytes: 0 };
  const tablespaces = new Map<number, { files: number; sumBytes: number }>();
  let oid: string | undefined;
  // A quote within a path is escaped, so these keys are only ever found as keys.
  for (const [, size, of] of text.matchAll(
    /"(?:Size":\s*(\d+)|(?:Encoded-)?Path":\s*"(?:pg_tblspc\\?\/(\d+)\\?\/)?)/g,
  )) {
    if (size === undefined) {
      oid = of;
      continue;
    }
    const own = tablespaces.get(Number(oid)) ?? { files: 0, sumBytes: 0 };
    if (oid !== undefined) tablespaces.set(Number(oid), own);
    for (const sum of [whole, own]) {
      sum.files += 1;
      sum.sumBytes += Number(size);
    }
  }
  return { ...whole, tablespaces };
}

/** Reads the JSON object of one file's line. `dataCorrupt` names the line. */
export function parseManifestFile(json: string, line: number): ManifestFile {
  try {
    return toFile(JSON.parse(json) as RawFile);
  } catch (cause) {
    throw corrupt(`its line ${line} does not describe a file`, cause);
  }
}

interface RawFile {
  Path?: string;
  'Encoded-Path'?: string;
  Size?: number;
  'Checksum-Algorithm'?: string;
  Checksum?: string;
}

interface RawEnd {
  'WAL-Ranges'?: { Timeline: number; 'Start-LSN': string; 'End-LSN': string }[];
  'Manifest-Checksum'?: string;
}

function readEnd(tail: string): Pick<ManifestSummary, 'walRanges' | 'manifestChecksum'> {
  const at = tail.lastIndexOf(WAL_RANGES);
  if (at < 0) throw corrupt('it does not end like one; it may have been cut short');
  const end = parseJson(`{${tail.slice(at)}`) as RawEnd;
  const walRanges = (end['WAL-Ranges'] ?? []).map((range) => ({
    timeline: range.Timeline,
    startLsn: respellLsn(String(range['Start-LSN'])),
    endLsn: respellLsn(String(range['End-LSN'])),
  }));
  const manifestChecksum = end['Manifest-Checksum'];
  return manifestChecksum === undefined ? { walRanges } : { walRanges, manifestChecksum };
}

function toFile(raw: RawFile): ManifestFile {
  const encoded = raw['Encoded-Path'];
  const path = raw.Path ?? (encoded === undefined ? undefined : Buffer.from(encoded, 'hex').toString('utf8'));
  const isWhole = typeof path === 'string' && Number.isSafeInteger(raw.Size) && (raw.Size as number) >= 0;
  if (!isWhole) throw corrupt('one of its files has no path or no size');
  const file: ManifestFile = { path, sizeBytes: raw.Size as number };
  if (raw['Checksum-Algorithm'] !== undefined) file.checksumAlgorithm = String(raw['Checksum-Algorithm']);
  if (raw.Checksum !== undefined) file.checksum = String(raw.Checksum).toLowerCase();
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt('it is not valid JSON; it may have been cut short', cause);
  }
}

function textOf(bytes: string | Uint8Array): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8');
}

function corrupt(why: string, cause?: unknown): OdoError {
  return new OdoError('dataCorrupt', `backup_manifest cannot be read: ${why}`, { cause });
}
