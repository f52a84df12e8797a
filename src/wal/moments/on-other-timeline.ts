import type { OdoError } from '../../errors.ts';
import { targetWords } from '../../postgres/configuration/recovery-target.ts';
import { formatLsn } from '../../postgres/terms/wal-names.ts';
import type { WalMark } from '../../postgres/wal/wal-marks.ts';
import { startOf } from '../plan/replay-list.ts';
import { descendants } from '../timelines/timeline-path.ts';
import { allLists, type MomentSearch } from './moment-search.ts';
import { outOfReach, when } from './out-of-reach.ts';

/**
 * The error for a restore point or a transaction that is not on the way to the newest timeline, when another timeline
 * has it behind the place where that way leaves it. undefined where none has it, or when a timeline was asked for.
 */
export async function onOtherTimeline(
  search: MomentSearch,
  passes: (mark: WalMark) => boolean,
): Promise<OdoError | undefined> {
  const { moment, histories, wal } = search;
  const oldest = search.backups.at(-1);
  if (oldest === undefined || (moment.timeline !== undefined && moment.timeline !== 'latest')) return undefined;
  const backups = [oldest];
  let goal: number | undefined;
  for await (const { spans } of allLists({ ...search, backups })) goal = spans.at(-1)?.timeline;
  for (const timeline of descendants(startOf(oldest), histories).reverse()) {
    if (timeline === goal) continue;
    for await (const list of allLists({ ...search, backups, moment: { ...moment, timeline } })) {
      const found = await wal.first(list, passes);
      if (!found) continue;
      const words = targetWords({ ...moment, exclusive: false });
      const place = `timeline ${timeline} has it at ${formatLsn(found.mark.lsn)}, of ${when(found.mark)}`;
      const hint = `--target-timeline ${timeline} goes there, and leaves out what timeline ${goal} has`;
      return outOfReach(`${words} is not on the way to timeline ${goal}, the newest; ${place}`, hint);
    }
  }
  return undefined;
}
