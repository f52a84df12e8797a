import { OdoError } from '../../errors.ts';
import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { nextSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import type { TimelineSpan } from '../timelines/timeline-path.ts';
import { filesToReplay } from './replay-files.ts';
import type { WalPlan } from './wal-plan.ts';

/** Where the archive was found to end. */
export interface ArchiveEnd {
  /** The first segment that is not there. */
  missing: string;
  /** Later segments are there all the same. */
  isHole: boolean;
}

/**
 * The segments from `from.segment` on, in the order in which recovery reads them, to the archive's real end. Where a
 * listing ends, it is repeated from the last segment on, until nothing new is there. That end may not come before
 * `mustHave`. `backupIncomplete` when the archive lacks what it had when the plan was made: what it has lost must not
 * pass for the end of the WAL.
 */
export async function* followArchive(
  archive: WalArchive,
  plan: Extract<WalPlan, { source: 'archive' }>,
  from: { segment: string; mustHave: string },
  signal: AbortSignal,
): AsyncGenerator<WalFile, ArchiveEnd> {
  const { segmentSizeBytes } = plan;
  let last: string | undefined;
  for (;;) {
    const spans = spansFrom(plan.spans, last ?? from.segment);
    let isNew = false;
    for await (const step of filesToReplay(archive, spans, segmentSizeBytes, signal)) {
      if (step.kind === 'hole') {
        demandWhole(step.missing, from.mustHave);
        return { missing: step.missing, isHole: true };
      }
      if (step.file.name === last) continue;
      last = step.file.name;
      isNew = true;
      yield step.file;
    }
    if (!isNew) break;
  }
  const missing = last === undefined ? from.segment : nextSegmentName(last, segmentSizeBytes);
  demandWhole(missing, from.mustHave);
  return { missing, isHole: false };
}

/** Names sort as recovery reads them: the timelines of one path ascend, and so do the segments of one timeline. */
function demandWhole(missing: string, mustHave: string): void {
  if (missing >= mustHave) return;
  throw new OdoError('backupIncomplete', `the WAL archive has lost ${missing}, which it had when the restore began`, {
    hint: 'see what deletes from the archive (a retention policy?), then run again',
  });
}

/** The rest of the way from a segment that lies on it. */
export function spansFrom(spans: readonly TimelineSpan[], segment: string): TimelineSpan[] {
  const at = spans.findIndex(({ timeline }) => timeline === timelineOfName(segment));
  const [first, ...rest] = spans.slice(Math.max(at, 0));
  return first ? [{ ...first, firstSegment: segment }, ...rest] : [];
}
