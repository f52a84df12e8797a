import { OdoError } from '../../errors.ts';
import type { Backup } from '../../formats/contract/format.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import { leftOutWords, refuseOtherEnds } from '../../wal/plan/other-ends.ts';
import { besideFile } from '../../wal/plan/replay-list.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import { mayLeadOn, refuseUnplaced, unplacedWords } from '../../wal/timelines/unplaced-timelines.ts';
import type { Finding } from '../contract/proofs.ts';

/**
 * Judges the plan of a restore to the end of the archive, when nobody has said which timeline is meant. An end with
 * less WAL is never taken silently.
 * Errors: `usage` for two ends, or for segments that may be the newest and that nobody can place.
 */
export function proveWal(backup: Backup, wal: WalPlan | OdoError): Finding<WalPlan> {
  if (wal instanceof OdoError) throw wal;
  if (wal.source === 'included') return { evidence: 'travels in the backup itself', value: wal };
  const { unplaced = [], otherEnds = [], spans } = wal;
  const open = unplaced.filter((other) => mayLeadOn(other, backup, wal.segmentSizeBytes));
  refuseUnplaced(
    open,
    spans.map(({ timeline }) => timeline),
  );
  refuseOtherEnds(otherEnds, 'end');
  const until = wal.endArchivedAt === undefined ? '' : `, up to about ${wal.endArchivedAt}`;
  const hole =
    wal.hole === undefined
      ? []
      : [`the archive lacks ${wal.hole}, and nothing that was committed later can be recovered`];
  return judged(`${rangeWords(backup, wal)}${until}`, [...hole, ...leftOutWords(otherEnds), ...besideWords(wal)], wal);
}

/** What WAL is replayed, in words. */
export function rangeWords({ beginWal }: Backup, wal: Extract<WalPlan, { source: 'archive' }>): string {
  return `${beginWal} to ${wal.endSegment}, ${wal.segments} segments, ${formatBytes(wal.storedBytes)}`;
}

/** What the archive holds that no restore goes by, in words. */
export function besideWords(plan: Extract<WalPlan, { source: 'archive' }>): string[] {
  const { unplaced = [], unreadable = [], beside, doubled } = plan;
  // The words on unplaced segments have the reason as well.
  const told = new Set(unplaced.map(({ reason }) => reason));
  return [
    ...unplaced.map(unplacedWords),
    ...unreadable.filter((reason) => !told.has(reason)).map((reason) => `passed over: ${reason}`),
    ...(beside === undefined ? [] : [`where the archive ends, ${besideFile(beside)}: what is in it is left out`]),
    ...(doubled === undefined ? [] : [doubledWords(doubled)]),
  ];
}

/** A finding that is a warning as soon as there is something to warn of. */
export function judged<T>(evidence: string, warnings: readonly string[], value: T): Finding<T> {
  if (warnings.length === 0) return { evidence, value };
  return { state: 'warning', evidence: [evidence, ...warnings].join('; '), value };
}

function doubledWords({ segments, first }: { segments: number; first: string[] }): string {
  const count = segments === 1 ? '1 segment' : `${segments} segments`;
  return (
    `the archive has more than one object of ${count} (${first.join(', ')}): the first one that is a whole ` +
    'segment of this cluster is taken'
  );
}
