import { chooseBackup } from '../formats/choose.ts';
import type { Backup, Repository } from '../formats/format.ts';
import { findRepositories, openWalArchive } from '../formats/registry.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { openStore } from '../store/open.ts';
import { planWal } from '../wal/plan-wal.ts';
import type { WalPlan } from '../wal/wal-plan.ts';
import { onlyRepository } from './choose-repository.ts';
import { formatBytes } from './format-bytes.ts';
import type { Finding, Proofs } from './proofs.ts';
import { type ProvenMoment, proveMoment } from './prove-moment.ts';
import type { RestoreRequest } from './request.ts';

/** Nothing is stopped yet, and somebody is watching: a store that does not answer is told soon. */
export const PATIENCE_MS = 15_000;

const SKEW_WARNING_SECONDS = 60;

/** What will be restored. */
export interface Source {
  repository: Repository;
  backup: Backup;
  wal: WalPlan;
  /** Of a restore to a certain moment or timeline. */
  moment?: ProvenMoment;
}

/** Checks the store's side: it answers, a complete backup is there, and so is the WAL that it needs. */
export async function proveRepository(request: RestoreRequest, proofs: Proofs, signal: AbortSignal): Promise<Source | undefined> {
  const opened = await proofs.attempt('store', () => {
    const value = openStore({ ...request.store, retryForMs: Math.min(request.store.retryForMs ?? PATIENCE_MS, PATIENCE_MS) });
    return { evidence: `${value.store.url}${request.store.endpoint ? ` at ${request.store.endpoint}` : ''}`, value };
  });
  if (!opened) return undefined;
  const { store, key } = opened;
  try {
    const found = await proofs.attempt('repository', async () => {
      const { repositories, backupId } = await findRepositories(store, key, signal);
      const repository = onlyRepository(repositories, request);
      return {
        evidence: `${repository.ref.format} repository of ${repository.server} at ${store.url}/${repository.ref.root}`,
        value: { repository, backupId },
      };
    });
    await proofs.attempt('clock', () => proveClock(store));
    if (!found) return undefined;
    const { moment, timeline } = request;
    const { repository, backupId } = found;
    if (moment || timeline !== undefined) {
      const backup = request.backup === 'latest' && backupId !== undefined ? backupId : request.backup;
      const wish = { backup, ...(moment ? { moment } : {}), ...(timeline === undefined ? {} : { timeline }) };
      const source = await proveMoment(store, repository, wish, proofs, signal);
      return source && { repository, ...source };
    }
    const backup = await proofs.attempt('backup', () => proveBackup(found.repository, found.backupId, request.backup, signal));
    if (!backup) return undefined;
    const wal = await proofs.attempt('WAL', () => proveWal(store, found.repository, backup, signal));
    return wal && { repository: found.repository, backup, wal };
  } finally {
    store.close();
  }
}

/** S3 refuses requests that are signed 15 minutes off; a clock that is minutes off also makes times of commits misleading. */
function proveClock({ clockSkewMs }: ObjectStore): Finding {
  if (clockSkewMs === undefined) return { state: 'unjudged', evidence: 'the store told no time' };
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  if (seconds <= SKEW_WARNING_SECONDS) return { evidence: `within ${seconds} s of the store's` };
  const direction = clockSkewMs > 0 ? 'behind' : 'ahead of';
  return {
    state: 'warning',
    evidence: `this machine's clock is ${seconds} s ${direction} the store's; S3 refuses requests from 900 s on`,
  };
}

async function proveBackup(repository: Repository, pointedAt: string | undefined, wanted: string, signal: AbortSignal) {
  const id = wanted === 'latest' && pointedAt !== undefined ? pointedAt : wanted;
  const { backup: chosen, skipped } = chooseBackup(await repository.catalogue(signal), id);
  const backup = await repository.describe(chosen, signal);
  const size = backup.storedBytes === undefined ? '' : `, ${formatBytes(backup.storedBytes)} in ${backup.parts.length} parts`;
  const manifest =
    backup.restoredFiles === undefined ? '' : `, manifest of ${backup.restoredFiles} files with its own checksum right`;
  const version = backup.postgresMajor === undefined ? '' : `, PostgreSQL ${backup.postgresMajor}`;
  const others = skipped.map((other) => `; skipped ${other.id}: ${other.reason}`).join('');
  return {
    evidence: `${backup.id} of ${backup.endTime ?? 'an unknown time'}${version}${size}${manifest}${others}`,
    value: backup,
  };
}

async function proveWal(
  store: ObjectStore,
  repository: Repository,
  backup: Backup,
  signal: AbortSignal,
): Promise<Finding<WalPlan>> {
  const wal = await planWal(store, openWalArchive(store, repository.ref), backup, signal);
  if (wal.source === 'included') return { evidence: 'travels in the backup itself', value: wal };
  const until = wal.endArchivedAt === undefined ? '' : `, up to about ${wal.endArchivedAt}`;
  const range = `${backup.beginWal} to ${wal.endSegment}, ${wal.segments} segments, ${formatBytes(wal.storedBytes)}${until}`;
  if (wal.hole === undefined) return { evidence: range, value: wal };
  return {
    state: 'warning',
    evidence: `${range}; the archive lacks ${wal.hole}, and nothing that was committed later can be recovered`,
    value: wal,
  };
}
