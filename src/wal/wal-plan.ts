/** The stretch of one timeline that recovery replays. */
export interface TimelineSpan {
  timeline: number;
  /** First segment needed on it. */
  firstSegment: string;
  /**
   * The segment in which the next timeline branches off, or in which a certain moment lies; not given for the last timeline of a plan that
   * goes to the end of the archive.
   */
  lastSegment?: string;
}

/** Which WAL a restore replays, as plain JSON. */
export type WalPlan =
  | {
      source: 'archive';
      spans: TimelineSpan[];
      segmentSizeBytes: number;
      /** For recovery_target_timeline: `latest` finds the same timeline that ODO chose, `current` is the backup's own, or else its number. */
      recoveryTargetTimeline: 'latest' | 'current' | number;
      /** Timeline history files to have in the spool. */
      histories: string[];
      /** What the archive held when the plan was made. */
      segments: number;
      storedBytes: number;
      /** The last segment that can be replayed. */
      endSegment: string;
      /** When that one was archived (ISO 8601): about the last moment that can be reached. */
      endArchivedAt?: string;
      /** The segment that is missing although later ones are there: recovery ends before it. */
      hole?: string;
    }
  | { source: 'included' };
