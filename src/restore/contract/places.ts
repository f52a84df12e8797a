import type { Place } from '../../tree/places/place.ts';
/** Where a tablespace of the backup goes. */
export interface TablespacePlace {
  oid: number;
  place: Place;
  /**
   * It is none of the backup's, but replay creates it: its directory has to be empty, and the old content has to be out
   * of the way.
   */
  isLater?: boolean;
}

/** The directories of one cluster, as the server will see them. */
export interface ClusterPlaces {
  pgdata: Place;
  tablespaces: TablespacePlace[];
  /**
   * The run that works on them, see own-run.ts: a step is `unsafeTarget` when another one has staged something there
   * since. Commands that look after what any run has left have none.
   */
  runId?: string;
}
