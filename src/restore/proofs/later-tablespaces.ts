import path from 'node:path';
import type { OldCluster } from '../../cluster/old-cluster.ts';
import type { Mount } from '../../docker/client/mount.ts';
import { mountHolding } from '../../docker/client/mount.ts';
import type { Service } from '../../docker/compose/service.ts';
import { OdoError } from '../../errors.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import type { CreatedTablespace } from '../../postgres/wal/tablespace-records.ts';
import { openStore, type StoreConfig } from '../../store/kinds/open.ts';
import { ODO_DIR } from '../../tree/places/place.ts';
import { findTablespacesInWal, type TablespacesInWal } from '../../wal/plan/find-tablespaces.ts';
import type { ClusterPlaces, TablespacePlace } from '../contract/places.ts';
import type { Finding } from '../contract/proofs.ts';
import { PATIENCE_MS, type RestoreSource } from './prove-repository.ts';

// A tablespace that was created after the backup is created again by the replay of its WAL, in the directory of its
// name. The server does not mind what lies there: it would write into the old cluster's files. So that directory is a
// place of the exchange, too.

/** A tablespace that replay may create. */
export interface LaterTablespace extends CreatedTablespace {
  /** Only the old data tells of the tablespace, so replay up to a target may end before it is created. */
  isPerhaps: boolean;
}

export interface Look {
  store: StoreConfig;
  source: RestoreSource;
  /** The cluster that lies where the restore goes, or beside it. */
  old: OldCluster | undefined;
  /** Whether the cluster has, or may have, its tablespaces on other mounts than its data. */
  isLikely: boolean;
  /** What lookAhead() has found. */
  ahead?: Promise<TablespacesInWal | undefined> | undefined;
  signal: AbortSignal;
}

type ArchivedWal = Extract<RestoreSource['wal'], { source: 'archive' }>;

/**
 * How many segments of WAL are looked through. Most services have no place for tablespaces, and there a second fetching
 * of all WAL would be a high price.
 */
const MOST_SEGMENTS = { likely: 2048, unlikely: 16 };

/**
 * Begins to look through the WAL before anything is known of old data, while other proofs wait for Docker. Only where
 * few segments are looked through. A failure is met by findLaterTablespaces().
 */
export function lookAhead(look: Omit<Look, 'old' | 'ahead'>): Look['ahead'] {
  const { wal } = look.source;
  if (wal.source === 'included' || look.isLikely) return undefined;
  const ahead = lookThrough(look, wal, undefined);
  ahead.catch(() => undefined);
  return ahead;
}

/**
 * Finds the tablespaces that replay may create: those of the old data, when it is of the backup's cluster, and those in
 * WAL that is newer than the old data.
 */
export async function findLaterTablespaces(look: Look): Promise<Finding<LaterTablespace[]>> {
  const { backup, wal } = look.source;
  const old = look.old?.systemIdentifier === backup.systemIdentifier ? look.old : undefined;
  const known = new Set(backup.tablespaces.map(({ oid }) => oid));
  const ofOld = (old?.tablespaces ?? []).filter(({ oid }) => !known.has(oid));
  const inWal = wal.source === 'included' ? undefined : await inAllWal(look, wal, old);
  const created = inWal?.created ?? [];
  const isCreated = (one: CreatedTablespace) => created.some(({ location }) => location === one.location);
  const all = [
    ...created.map((one) => ({ ...one, isPerhaps: false })),
    ...ofOld.filter((one) => !isCreated(one)).map((one) => ({ ...one, isPerhaps: true })),
  ];
  const value = [...new Map(all.map((one) => [one.location, one])).values()];
  const words = value.map(({ oid, location }) => `${oid} at ${location}`).join(', ') || 'none';
  if (!inWal || inWal.lookedThrough === inWal.segments) return { evidence: words, value };
  const doubt = inWal.because ?? `${inWal.lookedThrough} of ${inWal.segments} segments of WAL were looked through`;
  return { evidence: `${words} is known; ${doubt}`, value, state: 'unjudged' };
}

/** What was found ahead will do, unless old data tells where to begin and not all of the WAL was looked through. */
async function inAllWal(look: Look, wal: ArchivedWal, old: OldCluster | undefined) {
  const ahead = await look.ahead;
  if (ahead && (old === undefined || ahead.lookedThrough === ahead.segments)) return ahead;
  return lookThrough(look, wal, old);
}

async function lookThrough(
  { store: config, source, isLikely, signal }: Omit<Look, 'old' | 'ahead'>,
  wal: ArchivedWal,
  old: OldCluster | undefined,
) {
  const { store } = openStore({ ...config, retryForMs: Math.min(config.retryForMs ?? PATIENCE_MS, PATIENCE_MS) });
  try {
    const archive = await openWalArchive(store, source.repository.ref);
    if (!archive) return undefined;
    const from = old && { timeline: old.timeline, lsn: old.redoLsn };
    const mostSegments = isLikely ? MOST_SEGMENTS.likely : MOST_SEGMENTS.unlikely;
    const { systemIdentifier } = source.backup;
    return await findTablespacesInWal(store, archive, wal, { from, mostSegments, systemIdentifier, signal });
  } finally {
    store.close();
  }
}

/**
 * The later tablespaces that are no place yet, each with its directory. The location stands in the WAL, so it cannot be
 * another one.
 */
export function placeLater(later: readonly LaterTablespace[], known: readonly TablespacePlace[]): TablespacePlace[] {
  return later
    .map(({ oid, location }) => ({ oid, root: path.posix.normalize(location).replace(/(?<=.)\/$/, '') }))
    .filter(({ root }) => known.every(({ place }) => place.root !== root))
    .map(({ oid, root }) => ({ oid, place: { root, odoDir: path.posix.join(root, ODO_DIR) }, isLater: true }));
}

/**
 * The places of a service's later tablespaces, with their mounts.
 * Errors: `serviceNotFound` for a tablespace without a mount that can be written to, unless replay may end before it is
 * created.
 */
export function locateLater(
  service: Service,
  later: readonly LaterTablespace[],
  places: ClusterPlaces,
  hasMoment: boolean,
): (TablespacePlace & { mount: Mount })[] {
  return placeLater(later, places.tablespaces).flatMap((one) => {
    const { root } = one.place;
    const mount = mountHolding(service.mounts, root)?.mount;
    if (mount && mount.type !== 'tmpfs' && mount.source !== '' && !mount.readOnly) return [{ ...one, mount }];
    const isPerhaps = later.some(({ oid, isPerhaps }) => oid === one.oid && isPerhaps);
    if (isPerhaps && hasMoment) return [];
    throw new OdoError(
      'serviceNotFound',
      `tablespace ${one.oid} was created at ${root} after the backup, and service ${service.name} mounts no ` +
        'volume there that it may write to',
      {
        hint:
          `recovery creates it again, so the service needs a volume for it: add "- NAME:${root}" to its ` +
          'volumes in the compose file; or stop before it was created, with --target-time',
      },
    );
  });
}
