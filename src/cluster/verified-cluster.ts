/** A data page whose checksum is wrong. */
export interface SuspectPage {
  /** Index of the cluster's place, in the order of placesOf(). */
  place: number;
  /** Path relative to the place. */
  file: string;
  /** Number of the page within the file, from 0. */
  page: number;
  /** Number of the page within the relation's fork. */
  block: number;
  /** Its size. */
  pageBytes: number;
}

/** The result of `--verify full` on the staged files. */
export interface VerifiedCluster {
  /** Number of the pages that were checked; 0 when the cluster has no data checksums. */
  pages: number;
  /** Suspect pages. A page that was copied while the server wrote it looks the same; recovery repairs it. */
  suspects: SuspectPage[];
}
