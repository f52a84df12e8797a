import { OdoError } from '../../errors.ts';
import { crc32c } from '../terms/crc32c.ts';
import { NEWEST_MAJOR } from '../terms/versions.ts';
import { formatLsn } from '../terms/wal-names.ts';

/** The states in the order of DBState, src/include/catalog/pg_control.h, named as pg_controldata prints them. */
const STATES = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
] as const;

export type ClusterState = (typeof STATES)[number];

/** The fields of `global/pg_control` that ODO needs. */
export interface PgControl {
  /** A 64-bit number as decimal text. */
  systemIdentifier: string;
  /** The version of the file's layout, such as 1300 (PostgreSQL 13 to 16), 1700, 1800 or 1905. */
  controlVersion: number;
  catalogVersion: number;
  state: ClusterState;
  checkpointLsn: string;
  /** Where redo begins from that checkpoint. */
  redoLsn: string;
  timeline: number;
  /** Up to where a server in archive recovery has to replay before its data is consistent, if it is started again. */
  minRecoveryLsn?: string;
  minRecoveryTimeline?: number;
  walSegmentSizeBytes: number;
  /** XLOG_BLCKSZ, the size of WAL's pages: 8192 unless the server was built otherwise. */
  walBlockSizeBytes: number;
  /** BLCKSZ, the size of data pages: 8192 unless the server was built otherwise. */
  blockSizeBytes: number;
  /**
   * Blocks in each file of a large relation but the last (RELSEG_SIZE): 131072, which is 1 GiB, unless it was built
   * otherwise.
   */
  relationSegmentBlocks: number;
  /** 1 when data pages have checksums, 0 when they have none; any other while they are being switched on or off. */
  dataChecksumVersion: number;
  /** The settings that the server ran with. A server that replays its WAL must not have less of any. */
  settings: {
    max_connections: number;
    max_worker_processes: number;
    max_wal_senders: number;
    max_prepared_transactions: number;
    max_locks_per_transaction: number;
  };
}

/** Offsets of the fields that have moved between versions. */
interface Layout {
  settings: number;
  blockSize: number;
  walBlockSize: number;
  walSegmentSize: number;
  float8ByValue: number;
  dataChecksums: number;
  crc: number;
}

/** The layout of PostgreSQL 12 to 17. */
const FIRST: Layout = {
  settings: 180,
  blockSize: 216,
  walBlockSize: 224,
  walSegmentSize: 228,
  float8ByValue: 248,
  dataChecksums: 252,
  crc: 288,
};

/**
 * Layouts on 64-bit machines, by the version that the file itself tells. Source: PostgreSQL,
 * src/include/catalog/pg_control.h (ControlFileData, CheckPoint).
 */
const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [1201, FIRST],
  [1300, FIRST],
  [1700, FIRST],
  // The byte for char's default signedness stands before the nonce.
  [1800, { ...FIRST, crc: 292 }],
  // The checkpoint has grown by 8 bytes, and the fields behind the relations' segment size by 4 more.
  [
    1905,
    {
      settings: 188,
      blockSize: 224,
      walBlockSize: 236,
      walSegmentSize: 240,
      float8ByValue: 260,
      dataChecksums: 268,
      crc: 308,
    },
  ],
]);

/** The size of the file as PostgreSQL writes it (PG_CONTROL_FILE_SIZE), filled with zeros behind its content. */
export const CONTROL_FILE_BYTES = 8192;
/** The most that the content takes (PG_CONTROL_MAX_SAFE_SIZE). */
const MAX_CONTENT_BYTES = 512;
/** The search for a checksum begins here: the content of each layout is longer. */
const MIN_CONTENT_BYTES = 200;
/** At least the length of every layout: a shorter file can only have been cut. */
const NEEDED_BYTES = 320;

/**
 * Reads `global/pg_control` of PostgreSQL 12 to 19. `dataCorrupt` when its own checksum does not fit, as in a file that
 * was copied while the server wrote it. `versionMismatch` when the file is whole, but of a version or a machine whose
 * files ODO does not know.
 */
export function parsePgControl(bytes: Uint8Array): PgControl {
  if (bytes.length < NEEDED_BYTES) throw damaged(`it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const lsn = (offset: number) => formatLsn(view.getBigUint64(offset, true));

  const controlVersion = u32(8);
  const layout = LAYOUTS.get(controlVersion);
  if (layout === undefined || !isCrcAt(view, layout.crc)) throw refuse(view, controlVersion);
  const minRecovery = lsn(layout.settings - 44);
  if (bytes[layout.float8ByValue] !== 1) throw foreign('it was written by a 32-bit server');
  const state = STATES[u32(16)];
  if (state === undefined) throw damaged(`its state is ${u32(16)}`);

  return {
    systemIdentifier: view.getBigUint64(0, true).toString(),
    controlVersion,
    catalogVersion: u32(12),
    state,
    checkpointLsn: lsn(32),
    redoLsn: lsn(40),
    timeline: u32(48),
    ...(minRecovery === '0/0' ? {} : { minRecoveryLsn: minRecovery, minRecoveryTimeline: u32(layout.settings - 36) }),
    walSegmentSizeBytes: u32(layout.walSegmentSize),
    walBlockSizeBytes: u32(layout.walBlockSize),
    blockSizeBytes: u32(layout.blockSize),
    relationSegmentBlocks: u32(layout.blockSize + 4),
    dataChecksumVersion: u32(layout.dataChecksums),
    settings: {
      max_connections: u32(layout.settings),
      max_worker_processes: u32(layout.settings + 4),
      max_wal_senders: u32(layout.settings + 8),
      max_prepared_transactions: u32(layout.settings + 12),
      max_locks_per_transaction: u32(layout.settings + 16),
    },
  };
}

/**
 * The system identifier. It is the first field in every layout, so it can be told even of a cluster that ODO cannot
 * read otherwise. undefined when the file is damaged: then nothing in it counts.
 */
export function readSystemIdentifier(bytes: Uint8Array): string | undefined {
  if (bytes.length < NEEDED_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const crc = findCrc(view);
  return crc && view.getBigUint64(0, crc.isLittleEndian).toString();
}

function isCrcAt(view: DataView, offset: number): boolean {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return view.getUint32(offset, true) === crc32c(bytes, 0, offset);
}

/**
 * Finds a checksum that fits the bytes before it. If there is one, the file is whole, and only its layout is unknown.
 * If there is none, the file is damaged.
 */
function findCrc(view: DataView): { isLittleEndian: boolean } | undefined {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const last = Math.min(MAX_CONTENT_BYTES, bytes.length) - 4;
  let crc = crc32c(bytes, 0, MIN_CONTENT_BYTES);
  for (let offset = MIN_CONTENT_BYTES; offset <= last; offset += 4) {
    if (view.getUint32(offset, true) === crc) return { isLittleEndian: true };
    if (view.getUint32(offset, false) === crc) return { isLittleEndian: false };
    crc = crc32c(bytes, offset, offset + 4, crc);
  }
  return undefined;
}

function refuse(view: DataView, controlVersion: number): OdoError {
  const crc = findCrc(view);
  if (crc === undefined) return damaged('its checksum does not fit');
  if (!crc.isLittleEndian) return foreign('it was written on a big-endian machine');
  if (LAYOUTS.has(controlVersion)) return foreign('it was written by a 32-bit server');
  return foreign(`its layout is version ${controlVersion}`);
}

function damaged(why: string): OdoError {
  return new OdoError('dataCorrupt', `global/pg_control is damaged: ${why}`, {
    hint: 'it may have been copied while the server wrote it; choose another backup with --backup',
  });
}

function foreign(why: string): OdoError {
  return new OdoError('versionMismatch', `global/pg_control is of a cluster that ODO does not know: ${why}`, {
    hint:
      `ODO reads those of PostgreSQL 12 to ${NEWEST_MAJOR} from 64-bit little-endian machines; is there a ` +
      'newer ODO?',
  });
}

/**
 * The timeline that the server was on. One that has just been promoted has its last checkpoint on the timeline before,
 * for minutes as a rule. Source: PostgreSQL, src/backend/access/transam/xlog.c (CreateEndOfRecoveryRecord).
 */
export function currentTimeline({ timeline, minRecoveryTimeline = 0 }: PgControl): number {
  return Math.max(timeline, minRecoveryTimeline);
}
