import type { Place } from '../../tree/places/place.ts';
/** Where a tablespace of the backup goes. */
export interface TablespacePlace {
  oid: number;
  place: Place;
  /**
   * The backup lacks this tablespace, and replay creates it. So its directory has to be empty, with the old content out
   * of the way.
   */
  isLater?: boolean;
}

/** The directories of one cluster, as the server will see them. */
export interface ClusterPlaces {
  pgdata: Place;
  tablespaces: TablespacePlace[];
  /**
   * The run that works on these places, see own-run.ts. Commands that look after what any run has left give none.
   * Errors: a step is `unsafeTarget` when another run has staged something there since.
   */
  runId?: string;
}
