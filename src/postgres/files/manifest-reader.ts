import { createHash } from 'node:crypto';
import { OdoError } from '../../errors.ts';
import {
  MANIFEST_HEAD_BYTES,
  MANIFEST_TAIL_BYTES,
  type ManifestFile,
  type ManifestSummary,
  parseManifestFile,
  readManifestSummary,
} from './backup-manifest.ts';

/** Longer than the line of any file: a path has at most 1024 bytes, twelve times that when each is escaped. */
const MAX_LINE_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * Reads a backup_manifest of any size in little memory, line by line. `onFile` gets each file with the number of its
 * line. These files count only when the promise resolves: the manifest's own checksum, which covers all but the last
 * line, comes last. `dataCorrupt` when it is no manifest, or was changed or cut short. Source: PostgreSQL,
 * src/backend/backup/backup_manifest.c (one file a line); src/common/parse_manifest.c, verify_manifest_checksum.
 */
export async function readManifest(
  chunks: AsyncIterable<Uint8Array>,
  onFile: (file: ManifestFile, line: number) => void,
): Promise<ManifestSummary> {
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let rest = Buffer.alloc(0);
  let lastLine: Buffer | undefined;
  let lines = 0;

  const takeLine = (line: Buffer) => {
    if (lastLine) hash.update(lastLine);
    lastLine = line;
    lines += 1;
    // 0x7b is '{'. Apart from the lines of files, only the first line and those of WAL ranges begin with it.
    if (line[0] !== 0x7b) return;
    const text = line.toString('utf8');
    if (/^\{ "(Encoded-)?Path":/.test(text)) onFile(parseManifestFile(text.replace(/,?\s*$/, ''), lines), lines);
  };

  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    if (head.length < MANIFEST_HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, MANIFEST_HEAD_BYTES);
    tail = Buffer.concat([tail, chunk.subarray(-MANIFEST_TAIL_BYTES)]).subarray(-MANIFEST_TAIL_BYTES);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      takeLine(bytes.subarray(start, end + 1));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > MAX_LINE_BYTES) throw corrupt(`line ${lines + 1} is longer than any of a manifest`);
  }
  if (rest.length > 0 || lines < 2) throw corrupt('its last line does not end; it was cut short');
  const summary = readManifestSummary(head, tail);
  if (summary.version !== 1 && summary.version !== 2)
    throw corrupt(`it is of version ${summary.version}, which ODO does not know`);
  const actual = hash.digest('hex');
  if (summary.manifestChecksum === undefined) throw corrupt('it has no checksum of its own');
  if (actual !== summary.manifestChecksum.toLowerCase()) {
    throw corrupt(`it was changed after it was written: its SHA256 is ${actual}, not ${summary.manifestChecksum}`);
  }
  return summary;
}

function corrupt(why: string): OdoError {
  return new OdoError('dataCorrupt', `backup_manifest cannot be relied upon: ${why}`, {
    hint: 'choose another backup with --backup',
  });
}
