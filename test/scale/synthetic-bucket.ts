import { formatLsn, formatSegmentName } from '../../src/postgres/terms/wal-names.ts';

/** One object of a bucket that exists as names only. */
export interface SyntheticObject {
  key: string;
  sizeBytes: number;
  lastModified: Date;
  content?: string;
}

export interface SyntheticShape {
  backups: number;
  /** Numbered from 1 on. */
  segments: number;
  /** Numbers of the segments that are missing, both included. */
  hole?: { first: number; last: number };
}

const SEGMENT_BYTES = 16 * 2 ** 20;
const START = Date.UTC(2020, 0, 1);
const MINUTE = 60_000;

/**
 * A barman repository `backups/shop` as its keys, in order: a segment each minute, and backups at equal distances, of
 * three parts and a backup.info each. Every hundredth backup has failed.
 */
export function syntheticBucket({ backups, segments, hole }: SyntheticShape): SyntheticObject[] {
  const objects: SyntheticObject[] = [];
  for (let index = 0; index < backups; index++) {
    const segment = 1 + Math.floor((index * (segments - 1)) / backups);
    const begun = START + segment * MINUTE;
    const id = new Date(begun + index).toISOString().replace(/[-:]|\.\d+Z$/g, '');
    const folder = `backups/shop/base/${id}_${String(index).padStart(6, '0')}/`;
    const info = backupInfo(segment, begun, index % 100 === 99);
    objects.push({
      key: `${folder}backup.info`,
      sizeBytes: info.length,
      lastModified: new Date(begun + MINUTE),
      content: info,
    });
    for (const name of ['data.tar.gz', 'data_0001.tar.gz', 'data_0002.tar.gz']) {
      objects.push({ key: folder + name, sizeBytes: 10_000_000, lastModified: new Date(begun + MINUTE) });
    }
  }
  for (let number = 1; number <= segments; number++) {
    if (hole && number >= hole.first && number <= hole.last) continue;
    const name = formatSegmentName({ timeline: 1, segmentNumber: number });
    const key = `backups/shop/wals/${name.slice(0, 16)}/${name}.gz`;
    objects.push({ key, sizeBytes: 5_000_000, lastModified: new Date(START + number * MINUTE) });
  }
  return objects;
}

function backupInfo(segment: number, begun: number, failed: boolean): string {
  const time = (at: number) => new Date(at).toISOString().replace('T', ' ').replace('Z', '000+00:00');
  const name = formatSegmentName({ timeline: 1, segmentNumber: segment });
  const lsn = (offset: number) => formatLsn(BigInt(segment) * BigInt(SEGMENT_BYTES) + BigInt(offset));
  const fields = {
    begin_time: time(begun),
    begin_wal: name,
    begin_xlog: lsn(0x28),
    compression: 'gzip',
    encryption: 'None',
    end_time: time(begun + 30_000),
    end_wal: name,
    end_xlog: lsn(0x158),
    error: failed ? 'the disk was full' : 'None',
    status: failed ? 'FAILED' : 'DONE',
    systemid: '7654321098765432109',
    tablespaces: 'None',
    timeline: '1',
    version: '170004',
    xlog_segment_size: String(SEGMENT_BYTES),
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
