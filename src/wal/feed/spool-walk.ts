import type { WalArchive, WalFile } from '../../formats/contract/format.ts';
import { nextSegmentName } from '../../postgres/terms/wal-names.ts';
import { type ArchiveEnd, followArchive } from '../plan/follow-archive.ts';
import type { WalPlan } from '../plan/wal-plan.ts';

/** A walk along the archive, segment by segment, that can be sent elsewhere. */
export interface SpoolWalk {
  /** The segment that comes next, if none is missing; undefined when the walk has come to its end. */
  next(): string | undefined;
  /** The file that comes next, or the archive's end. */
  take(): Promise<IteratorResult<WalFile, ArchiveEnd>>;
  /** Goes to a segment, and lists the archive anew from there. */
  goTo(segment: string): Promise<void>;
  /** Lists the archive anew from where the walk stands, also when it had come to the archive's end. */
  listAnew(): Promise<void>;
  /** Nothing comes any more until the walk is sent elsewhere. */
  rest(): void;
}

/**
 * Begins a walk at the first segment of the plan. It lists nothing before it is asked to.
 * @param mustHave the segment up to which all have to be there
 */
export function createSpoolWalk(
  archive: WalArchive,
  plan: Extract<WalPlan, { source: 'archive' }>,
  mustHave: () => string,
  signal: AbortSignal,
): SpoolWalk {
  const start = (segment: string) => followArchive(archive, plan, { segment, mustHave: mustHave() }, signal);
  const firstSegment = plan.spans[0]?.firstSegment ?? plan.endSegment;
  let steps = start(firstSegment);
  let next: string | undefined = firstSegment;
  /** The first segment that the archive did not have when the walk came to its end. */
  let lacking: string | undefined;

  async function goTo(segment: string): Promise<void> {
    await steps.return({ missing: segment, isHole: false });
    steps = start(segment);
    next = segment;
  }

  return {
    next: () => next,
    goTo,
    async take() {
      const step = await steps.next();
      if (step.done) lacking = step.value.missing;
      next = step.done ? undefined : nextSegmentName(step.value.name, plan.segmentSizeBytes);
      return step;
    },
    async listAnew() {
      const from = next ?? lacking;
      if (from !== undefined) await goTo(from);
    },
    rest() {
      next = undefined;
    },
  };
}
