import type { Backup, Repository } from '../../formats/contract/format.ts';
import { findRepositories } from '../../formats/registry/registry.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import { openStore } from '../../store/kinds/open.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Finding, Proofs } from '../contract/proofs.ts';
import type { RestoreRequest } from '../contract/request.ts';
import { chooseWithWal, skippedWords } from './choose-backup.ts';
import { onlyRepository } from './choose-repository.ts';
import { demandKnownVersion } from './known-version.ts';
import { type ProvenMoment, proveMoment } from './prove-moment.ts';
import { proveWal } from './prove-wal.ts';

/**
 * How long the proofs wait for a store. Nothing is stopped yet, and somebody is watching, so a silent store is told
 * soon.
 */
export const PATIENCE_MS = 15_000;

const SKEW_WARNING_SECONDS = 60;

/** What will be restored. */
export interface RestoreSource {
  repository: Repository;
  backup: Backup;
  wal: WalPlan;
  /** Given for a restore to a certain moment or timeline. */
  moment?: ProvenMoment;
}

/** Checks the store's side: it answers, a complete backup is there, and so is the WAL that it needs. */
export async function proveRepository(
  request: RestoreRequest,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<RestoreSource | undefined> {
  const opened = await proofs.attempt('store', () => {
    const value = openStore({
      ...request.store,
      retryForMs: Math.min(request.store.retryForMs ?? PATIENCE_MS, PATIENCE_MS),
    });
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
    await proofs.attempt('clock', () => judgeClock(store.clockSkewMs));
    if (!found) return undefined;
    const { moment, timeline } = request;
    const { repository, backupId } = found;
    if (moment || timeline !== undefined) {
      const backup = request.backup === 'latest' && backupId !== undefined ? backupId : request.backup;
      const wish = { backup, ...(moment ? { moment } : {}), ...(timeline === undefined ? {} : { timeline }) };
      const source = await proveMoment(store, repository, wish, proofs, signal);
      return source && { repository, ...source };
    }
    const wanted = request.backup === 'latest' && backupId !== undefined ? backupId : request.backup;
    const chosen = await proofs.attempt('backup', () => proveBackup(store, repository, wanted, signal));
    if (!chosen) return undefined;
    const wal = await proofs.attempt('WAL', () => proveWal(chosen.backup, chosen.wal));
    return wal && { repository, backup: chosen.backup, wal };
  } finally {
    store.close();
  }
}

/**
 * Judges how far a clock is off. S3 refuses requests that are signed 15 minutes off. A clock that is minutes off also
 * makes times of commits misleading.
 */
export function judgeClock(clockSkewMs: number | undefined, whose = "this machine's clock"): Finding {
  if (clockSkewMs === undefined) return { state: 'unjudged', evidence: 'the store told no time' };
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  if (seconds <= SKEW_WARNING_SECONDS) return { evidence: `within ${seconds} s of the store's` };
  const direction = clockSkewMs > 0 ? 'behind' : 'ahead of';
  return {
    state: 'warning',
    evidence: `${whose} is ${seconds} s ${direction} the store's; S3 refuses requests from 900 s on`,
  };
}

async function proveBackup(store: ObjectStore, repository: Repository, wanted: string, signal: AbortSignal) {
  const { backup: chosen, skipped, wal } = await chooseWithWal(store, repository, wanted, signal);
  const backup = await repository.describe(chosen, signal);
  demandKnownVersion(backup);
  const size =
    backup.storedBytes === undefined ? '' : `, ${formatBytes(backup.storedBytes)} in ${backup.parts.length} parts`;
  const manifest =
    backup.restoredFiles === undefined ? '' : `, manifest of ${backup.restoredFiles} files with its own checksum right`;
  const version = backup.postgresMajor === undefined ? '' : `, PostgreSQL ${backup.postgresMajor}`;
  const doubt = backup.doubt === undefined ? '' : `; ${backup.doubt}`;
  const isWarning = doubt !== '' || skipped.some(({ warning }) => warning !== undefined);
  return {
    ...(isWarning ? { state: 'warning' as const } : {}),
    evidence:
      `${backup.id} of ` +
      `${backup.endTime ?? 'an unknown time'}${version}${size}${manifest}${doubt}${skippedWords(skipped)}`,
    value: { backup, wal },
  };
}
