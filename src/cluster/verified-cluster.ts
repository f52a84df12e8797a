/** A data page whose checksum is wrong. */
export interface SuspectPage {
  /** Which of the cluster's places, as placesOf() has them. */
  place: number;
  /** Relative to the place. */
  file: string;
  /** Number of the page within the file, from 0. */
  page: number;
  /** Number of the page within the relation's fork. */
  block: number;
}

/** What `--verify full` found in the staged files. */
export interface VerifiedCluster {
  /** 0 when the cluster has no data checksums. */
  pages: number;
  /** A page that was copied while the server wrote it looks like this too; recovery repairs that one. */
  suspects: SuspectPage[];
}
