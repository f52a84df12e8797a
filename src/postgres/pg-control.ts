import { OdoError } from '../errors.ts';
import { formatLsn } from './wal-names.ts';

/** In the order of DBState, src/include/catalog/pg_control.h; the names are those that pg_controldata prints. */
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

/** What ODO needs of `global/pg_control`. */
export interface PgControl {
  /** A 64-bit number as decimal text. */
  systemIdentifier: string;
  /** The version of the file's layout, such as 1300 (PostgreSQL 13 to 16), 1700 or 1800. */
  controlVersion: number;
  catalogVersion: number;
  state: ClusterState;
  checkpointLsn: string;
  /** Where redo begins from that checkpoint. */
  redoLsn: string;
  timeline: number;
  /** Of a server in archive recovery: up to where it has to replay before its data is consistent, if it is started again. */
  minRecoveryLsn?: string;
  minRecoveryTimeline?: number;
  walSegmentSizeBytes: number;
  blockSizeBytes: number;
  /** Blocks in each file of a large relation but the last (RELSEG_SIZE): 131072, which is 1 GiB, unless it was built otherwise. */
  relationSegmentBlocks: number;
  /** 0 when data pages have no checksums. */
  dataChecksumVersion: number;
  /** What the server ran with: a server that replays its WAL must not have less of any. */
  settings: {
    max_connections: number;
    max_worker_processes: number;
    max_wal_senders: number;
    max_prepared_transactions: number;
    max_locks_per_transaction: number;
  };
}

/**
 * Reads `global/pg_control` of PostgreSQL 12 to 18. Throws dataCorrupt when it is none of those: too short, an unknown layout,
 * or written on a big-endian machine.
 * Source: PostgreSQL, src/include/catalog/pg_control.h (ControlFileData). The fields read here have kept their places since layout 1201.
 */
export function parsePgControl(bytes: Uint8Array): PgControl {
  if (bytes.length < 256) throw unreadable(`it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const lsn = (offset: number) => formatLsn(view.getBigUint64(offset, true));

  const controlVersion = u32(8);
  if (controlVersion < 1201 || controlVersion >= 1900) throw unreadable(`its layout is version ${controlVersion}`);
  const settingsAt = 180;
  const minRecovery = lsn(settingsAt - 44);
  const state = STATES[u32(16)];
  if (state === undefined) throw unreadable(`its state is ${u32(16)}`);

  return {
    systemIdentifier: view.getBigUint64(0, true).toString(),
    controlVersion,
    catalogVersion: u32(12),
    state,
    checkpointLsn: lsn(32),
    redoLsn: lsn(40),
    timeline: u32(48),
    ...(minRecovery === '0/0' ? {} : { minRecoveryLsn: minRecovery, minRecoveryTimeline: u32(settingsAt - 36) }),
    walSegmentSizeBytes: u32(228),
    blockSizeBytes: u32(216),
    relationSegmentBlocks: u32(220),
    dataChecksumVersion: u32(252),
    settings: {
      max_connections: u32(settingsAt),
      max_worker_processes: u32(settingsAt + 4),
      max_wal_senders: u32(settingsAt + 8),
      max_prepared_transactions: u32(settingsAt + 12),
      max_locks_per_transaction: u32(settingsAt + 16),
    },
  };
}

function unreadable(why: string): OdoError {
  return new OdoError('dataCorrupt', `global/pg_control cannot be read: ${why}`, {
    hint: 'ODO reads those of PostgreSQL 12 to 18 from little-endian machines',
  });
}
