import type { TimelineSpan } from '../timelines/timeline-path.ts';
import type { UnplacedTimeline } from '../timelines/unplaced-timelines.ts';
import type { OtherEnd } from './other-ends.ts';

/** Which WAL a restore replays, as plain JSON. */
export type WalPlan =
  | {
      source: 'archive';
      spans: TimelineSpan[];
      segmentSizeBytes: number;
      /**
       * Value of recovery_target_timeline. `latest` finds the timeline that ODO chose, `current` is the backup's own;
       * any other is given by its number.
       */
      recoveryTargetTimeline: 'latest' | 'current' | number;
      /** Timeline history files to have in the spool. */
      histories: string[];
      /**
       * Further timelines that the server must take for existing, so that its new one gets none of these numbers. The
       * archive has WAL of them, or newer timelines, but no history to follow.
       */
      passedOver?: number[];
      /** Segments that no history leads to. */
      unplaced?: UnplacedTimeline[];
      /** Ends of the archive that the way leaves out. */
      otherEnds?: OtherEnd[];
      /** Histories that cannot be read, in words. */
      unreadable?: string[];
      /** Number of the segments when the plan was made. */
      segments: number;
      /** Bytes of the segments in the store. */
      storedBytes: number;
      /** The last segment that can be replayed. */
      endSegment: string;
      /** How many of the segments lay in an archive storage class, as the listing told. */
      inArchive?: number;
      /** When endSegment was archived (ISO 8601): about the last moment that can be reached. */
      endArchivedAt?: string;
      /** The segment that is missing although later ones are there: recovery ends before it. */
      hole?: string;
      /** Names of the archive's objects in the place of the first segment behind the end. None of them can be read. */
      beside?: string[];
      /** Segments of which the archive has more than one object: how many, and the names of the first one's objects. */
      doubled?: { segments: number; first: string[] };
    }
  | { source: 'included' };
