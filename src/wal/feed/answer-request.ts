import { isHistoryName, isSegmentName, parseSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { ArchiveEnd } from '../plan/follow-archive.ts';
import type { WalPlan } from '../plan/wal-plan.ts';

/**
 * The answer for a file that the server asks for and the spool lacks, without asking the archive. `absent`: it
 * certainly does not exist. `fetch`: the archive has to be asked. `wait`: the archive's answer is on the way.
 */
export function answerWithoutAsking(
  name: string,
  plan: Extract<WalPlan, { source: 'archive' }>,
  known: { end: ArchiveEnd | undefined; historiesKnown: boolean },
): 'absent' | 'fetch' | 'wait' {
  if (isHistoryName(name)) return known.historiesKnown ? 'absent' : 'wait';
  if (!isSegmentName(name)) return 'absent';
  const at = plan.spans.findIndex(({ timeline }) => timeline === timelineOfName(name));
  const span = plan.spans[at];
  // The server goes along the timelines of the plan; it may try others that lead elsewhere, whose WAL is not to be
  // replayed.
  if (!span) return 'absent';
  const numberOf = (segment: string) => parseSegmentName(segment, plan.segmentSizeBytes).segmentNumber;
  if (span.lastSegment !== undefined && numberOf(name) > numberOf(span.lastSegment)) return 'absent';
  if (at > 0 && numberOf(name) < numberOf(span.firstSegment)) return 'absent';
  if (known.end && name >= known.end.missing) return 'absent';
  return 'fetch';
}
