import { OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import { findBackup } from '../../formats/contract/choose.ts';
import type { Backup, FormatName, Repository } from '../../formats/contract/format.ts';
import { type FoundRepositories, findRepositories, openWalArchive } from '../../formats/registry/registry.ts';
import { mapLimit } from '../../map-limit.ts';
import { DEFAULT_SEGMENT_SIZE_BYTES } from '../../postgres/terms/wal-names.ts';
import { tellRetries } from '../../progress/tell-retries.ts';
import { openStore } from '../../store/kinds/open.ts';
import { isObjectFault } from '../../store/objects/object-fault.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { shownUrl } from '../../store/objects/url.ts';
import { findWindow, type RecoverableWindow } from '../../wal/moments/window.ts';
import { planWal } from '../../wal/plan/plan-wal.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import { surveyWal } from '../../wal/timelines/survey-wal.ts';
import { unplacedWords } from '../../wal/timelines/unplaced-timelines.ts';
import type { RepositoryRequest } from '../contract/request.ts';
import { meantRepositories } from './choose-repository.ts';
import { PATIENCE_MS } from './prove-repository.ts';

const PARALLEL_READS = 48;

/** A backup of the catalogue, as plain JSON. */
export interface ListedBackup extends Backup {
  /** A restore could use it: it is complete, and so is the WAL that it needs. Else `reason` says why not. */
  usable: boolean;
  /** Seconds since its end, where that is known. */
  ageSeconds?: number;
}

/** One repository with all its backups, good or not. */
export interface ListedRepository {
  server: string;
  format: FormatName;
  /** Where the repository lies. */
  url: string;
  /** Oldest first, those without a time before all others. */
  backups: ListedBackup[];
  /** What the WAL archive lets recover. Absent where WAL travels in the backups. */
  wal?: ListedWal;
}

export interface ListedWal extends RecoverableWindow {
  segmentSizeBytes: number;
  /** Parts of the archive that were passed over, in words. */
  problems: readonly string[];
}

/** The answer of `odo list`. */
export interface ListReport {
  kind: 'list';
  url: string;
  listedAt: string;
  repositories: ListedRepository[];
}

/** The answer of `odo show`: one backup in full. */
export interface ShowReport {
  kind: 'show';
  url: string;
  shownAt: string;
  backup: ListedBackup;
  /** The WAL that a restore would replay. Absent when the backup cannot be restored. */
  wal?: WalPlan;
}

/**
 * Lists all backups under the URL, and what can be recovered.
 * Errors: `notFound` when there is no repository there.
 */
export async function listBackups(
  request: RepositoryRequest,
  report: Report,
  signal: AbortSignal,
): Promise<ListReport> {
  return withStore(request, report, async (store, key) => {
    const { repositories } = await findRepositories(store, key, signal);
    const list: ListReport = {
      kind: 'list',
      url: shownUrl(request.store.url),
      listedAt: new Date().toISOString(),
      repositories: [],
    };
    for (const repository of meantRepositories(repositories, request)) {
      list.repositories.push(await listRepository(store, repository, signal));
    }
    return list;
  });
}

/**
 * Looks at one backup: the one of that id or name. `latest` means the backup that the URL points at, else the newest
 * that is complete, else the newest.
 * Errors: `notFound` when there is no such backup; `usage` when several servers have it.
 */
export async function showBackup(
  request: RepositoryRequest,
  wanted: string,
  report: Report,
  signal: AbortSignal,
): Promise<ShowReport> {
  return withStore(request, report, async (store, key) => {
    const found = await findRepositories(store, key, signal);
    const { repository, backup } = await findInAll(found, request, wanted, signal);
    const { described, reason } = await describeFully(repository, backup, signal);
    const shown = { kind: 'show' as const, url: shownUrl(request.store.url), shownAt: new Date().toISOString() };
    if (reason !== undefined) return { ...shown, backup: toListed({ ...described, reason }, false) };
    try {
      const wal = await planWal(store, await openWalArchive(store, repository.ref), described, signal);
      return { ...shown, backup: toListed(described, true), wal };
    } catch (error) {
      if (!(error instanceof OdoError) || error.code !== 'backupIncomplete') throw error;
      return { ...shown, backup: toListed({ ...described, reason: error.message }, false) };
    }
  });
}

async function withStore<T>(
  { store: config }: RepositoryRequest,
  report: Report,
  use: (store: ObjectStore, key: string) => Promise<T>,
): Promise<T> {
  const { store, key } = openStore({ ...config, retryForMs: Math.min(config.retryForMs ?? PATIENCE_MS, PATIENCE_MS) });
  store.onRetry = tellRetries(report);
  try {
    return await inPhase(report, 'list', () => use(store, key));
  } finally {
    store.close();
  }
}

async function listRepository(
  store: ObjectStore,
  repository: Repository,
  signal: AbortSignal,
): Promise<ListedRepository> {
  const { ref, server } = repository;
  const catalogue = await repository.catalogue(signal);
  const backups = await mapLimit(catalogue, PARALLEL_READS, (backup) =>
    repository.glance(backup, signal).catch((error: unknown) => asFailed(backup, error)),
  );
  const listed = { server, format: ref.format, url: `${store.url}/${ref.root}` };
  const archive = await openWalArchive(store, ref);
  if (archive === undefined)
    return { ...listed, backups: backups.map((backup) => toListed(backup, isComplete(backup))) };

  const segmentSizeBytes =
    backups.findLast(({ walSegmentSizeBytes }) => walSegmentSizeBytes !== undefined)?.walSegmentSizeBytes ??
    DEFAULT_SEGMENT_SIZE_BYTES;
  const survey = await surveyWal(store, archive, segmentSizeBytes, signal);
  const window = findWindow(backups, survey);
  const reasons = new Map(window.unusable.map(({ id, reason }) => [id, reason]));
  return {
    ...listed,
    backups: backups.map((backup) => {
      const reason = reasons.get(backup.id);
      return reason === undefined ? toListed(backup, isComplete(backup)) : toListed({ ...backup, reason }, false);
    }),
    wal: { segmentSizeBytes, problems: [...survey.problems, ...(window.unplaced ?? []).map(unplacedWords)], ...window },
  };
}

async function findInAll(
  { repositories, backupId }: FoundRepositories,
  request: RepositoryRequest,
  wanted: string,
  signal: AbortSignal,
): Promise<{ repository: Repository; backup: Backup }> {
  const id = wanted === 'latest' ? backupId : wanted;
  const hits: { repository: Repository; backup: Backup }[] = [];
  const all: Backup[] = [];
  for (const repository of meantRepositories(repositories, request)) {
    const backups = await repository.catalogue(signal);
    all.push(...backups);
    const backup = id === undefined ? newest(backups) : within(backups, id);
    if (backup) hits.push({ repository, backup });
  }
  const [hit, ...others] = hits;
  if (hit && others.length === 0) return hit;
  if (hit) {
    const servers = hits.map(({ repository: { server, ref } }) => `${server} (${ref.format}, ${ref.root})`);
    throw new OdoError(
      'usage',
      `${hits.length} servers have ${id === undefined ? 'backups' : `a backup '${id}'`}: ${servers.join(', ')}`,
      {
        hint: 'choose one with --server, by its name or its folder',
      },
    );
  }
  if (id !== undefined && all.length > 0) findBackup(all, id);
  throw new OdoError('notFound', `there is no backup under ${request.store.url}`, {
    hint: 'odo list tells what is there',
  });
}

function newest(backups: readonly Backup[]): Backup | undefined {
  return backups.findLast(isComplete) ?? backups.at(-1);
}

function within(backups: readonly Backup[], wanted: string): Backup | undefined {
  return backups.some(({ id, name }) => id === wanted || name === wanted) ? findBackup(backups, wanted) : undefined;
}

async function describeFully(repository: Repository, backup: Backup, signal: AbortSignal) {
  const described = await repository.describe(backup, signal).catch((error: unknown) => asFailed(backup, error));
  return { described, reason: isComplete(described) ? undefined : (described.reason ?? described.state) };
}

/** Marks a backup that a closer look finds damaged as failed. Its damage is no reason to show no backup at all. */
function asFailed(backup: Backup, error: unknown): Backup {
  if (isObjectFault(error)) return { ...backup, state: 'failed', reason: error.message };
  if (!(error instanceof OdoError)) throw error;
  if (error.code !== 'dataCorrupt' && error.code !== 'backupIncomplete' && error.code !== 'notFound') throw error;
  return { ...backup, state: 'failed', reason: error.message };
}

function isComplete({ state }: Backup): boolean {
  return state === 'complete';
}

function toListed(backup: Backup, usable: boolean): ListedBackup {
  const endedAt = Date.parse(backup.endTime ?? '');
  const age = Number.isNaN(endedAt) ? {} : { ageSeconds: Math.max(0, Math.round((Date.now() - endedAt) / 1000)) };
  return { ...backup, usable, ...age };
}
