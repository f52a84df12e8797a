import { OdoError } from '../../errors.ts';
import { byEndTime, chooseBackup } from '../../formats/contract/choose.ts';
import type { Backup, Repository } from '../../formats/contract/format.ts';
import { openWalArchive } from '../../formats/registry/registry.ts';
import { type Moment, type TargetTimeline, targetWords } from '../../postgres/configuration/recovery-target.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { findIncludedMoment } from '../../wal/moments/find-included-moment.ts';
import { findMoment, findTimelineEnd } from '../../wal/moments/find-moment.ts';
import { leftOutWords } from '../../wal/plan/other-ends.ts';
import { isArchived } from '../../wal/plan/replay-list.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Proofs } from '../contract/proofs.ts';
import { skippedWords } from './choose-backup.ts';
import { demandKnownVersion } from './known-version.ts';
import { besideWords, judged, rangeWords } from './prove-wal.ts';

/** What is known of the moment before the restore. */
export interface ProvenMoment {
  /** The timeline on which recovery stops. */
  timeline: number;
  /** The record at which it stops, where the WAL was searched for it. */
  stop?: { lsn: string; time: string };
  /** The next older complete backup, to try when recovery does not come to the moment after all. */
  olderBackup?: string;
}

export interface MomentSource {
  backup: Backup;
  wal: WalPlan;
  moment: ProvenMoment;
}

interface Wish {
  /** `latest`, or an id. */
  backup: string;
  /** Without one, the end of `timeline` is meant. */
  moment?: Moment;
  timeline?: TargetTimeline;
}

/**
 * Checks that the moment can be reached, and finds the backup to reach it from: the newest that ended before it, or the
 * one that is asked for.
 */
export async function proveMoment(
  store: ObjectStore,
  repository: Repository,
  wish: Wish,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<MomentSource | undefined> {
  const words = wish.moment ? targetWords(wish.moment) : `the end of timeline ${wish.timeline}`;
  const found = await proofs.attempt('moment', async () => {
    const catalogue = await repository.catalogue(signal);
    const named = wish.backup !== 'latest';
    // Also tells what is wrong where there is no complete backup at all.
    const { backup: chosen, skipped } = chooseBackup(catalogue, wish.backup);
    demandKnownVersion(chosen);
    const complete = catalogue.filter(({ state }) => state === 'complete').sort(byEndTime);
    const backups = named ? [chosen] : complete.toReversed();
    const value = await search(store, repository, { ...wish, named, backups }, signal);
    demandKnownVersion(value.backup);
    const older = complete.findLast((backup) => byEndTime(backup, value.backup) < 0)?.id;
    // Skipped backups matter only for the target `immediate`, which is the end of the backup itself.
    const left = wish.moment?.target.kind === 'immediate' ? skipped.filter(({ warning }) => warning !== undefined) : [];
    const passedOver = skippedWords([...left, ...(value.skipped ?? [])]);
    const doubt = value.doubt === undefined ? '' : `. But ${value.doubt}`;
    return {
      ...(`${doubt}${passedOver}` === '' ? {} : { state: 'warning' as const }),
      evidence: `${words}: backup ${value.backup.id}; ${value.because}${doubt}${passedOver}`,
      value: { ...value, ...(older === undefined ? {} : { older }) },
    };
  });
  if (!found) return undefined;
  const { backup, wal, timeline, stop, older } = found;
  await proofs.attempt('backup', () =>
    judged(backupWords(backup), backup.doubt === undefined ? [] : [backup.doubt], undefined),
  );
  await proofs.attempt('WAL', () =>
    wal.source === 'included'
      ? { evidence: 'travels in the backup itself' }
      : judged(rangeWords(backup, wal), [...leftOutWords(wal.otherEnds ?? []), ...besideWords(wal)], undefined),
  );
  return {
    backup,
    wal,
    moment: { timeline, ...(stop ? { stop } : {}), ...(older === undefined ? {} : { olderBackup: older }) },
  };
}

async function search(
  store: ObjectStore,
  repository: Repository,
  wish: Wish & { named: boolean; backups: readonly Backup[] },
  signal: AbortSignal,
) {
  const { moment, timeline, named } = wish;
  const archive = await openWalArchive(store, repository.ref);
  if (archive === undefined) {
    if (!moment) {
      throw new OdoError('usage', '--target-timeline has no meaning for backups that bring their own WAL', {
        hint: 'leave it out: each is restored on its own timeline, to its end',
      });
    }
    const describe = (backup: Backup) => repository.describe(backup, signal);
    return findIncludedMoment({ backups: wish.backups, named, moment, describe });
  }
  const query = { store, archive, backups: wish.backups.filter(isArchived), named, signal };
  return moment ? findMoment({ ...query, moment }) : findTimelineEnd(query, timeline ?? 'latest');
}

function backupWords({ id, endTime, postgresMajor, storedBytes, parts }: Backup): string {
  const version = postgresMajor === undefined ? '' : `, PostgreSQL ${postgresMajor}`;
  const size = storedBytes === undefined ? '' : `, ${formatBytes(storedBytes)} in ${parts.length} parts`;
  return `${id} of ${endTime ?? 'an unknown time'}${version}${size}`;
}
