import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import type { BackupFacts } from '../../formats/contract/format.ts';
import { segmentsBetween } from '../../postgres/terms/wal-names.ts';
import { WAL_PAGE_HEADER_BYTES } from '../../postgres/wal/wal-page.ts';
import { checkSegment } from './check-segment.ts';

/**
 * Checks the WAL that a backup brings along, laid down in `directory`. Every segment from begin_wal to end_wal must be
 * there (`backupIncomplete`) and fit its name (`dataCorrupt`). Others may lie beside them, such as one that the server
 * had prepared.
 */
export function checkIncludedWal(backup: BackupFacts, directory: string): void {
  const { beginWal, endWal, postgresMajor, systemIdentifier } = backup;
  if (beginWal === undefined) return;
  const segmentSizeBytes = backup.walSegmentSizeBytes ?? sizeOf(path.join(directory, beginWal)) ?? 16 * 1024 * 1024;
  const wanted = endWal === undefined ? [beginWal] : segmentsBetween(beginWal, endWal, segmentSizeBytes);
  for (const name of wanted) {
    const file = path.join(directory, name);
    const sizeBytes = sizeOf(file);
    if (sizeBytes === undefined) {
      throw new OdoError('backupIncomplete', `backup ${backup.id} lacks WAL segment ${name}`, {
        hint:
          'it was taken without its WAL (pg_basebackup -X none), or pg_wal.tar is missing beside base.tar; ' +
          'choose another backup with --backup',
      });
    }
    const object = `backup ${backup.id}: ${name}`;
    if (sizeBytes !== segmentSizeBytes) {
      throw new OdoError(
        'dataCorrupt',
        `${object} holds ${sizeBytes} bytes where a WAL segment has ${segmentSizeBytes}`,
        {
          hint: 'choose another backup with --backup',
        },
      );
    }
    const isFirstOfTimeline = name === beginWal;
    checkSegment(object, { name, segmentSizeBytes, postgresMajor, systemIdentifier, isFirstOfTimeline }).update(
      readHead(file),
    );
  }
}

function readHead(file: string): Buffer {
  const head = Buffer.alloc(WAL_PAGE_HEADER_BYTES);
  const fd = fs.openSync(file, 'r');
  try {
    return head.subarray(0, fs.readSync(fd, head, 0, head.length, 0));
  } finally {
    fs.closeSync(fd);
  }
}

function sizeOf(file: string): number | undefined {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.size;
}
