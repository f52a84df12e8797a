/** How large everything is. What is prepared is named by a digest of it, so a change makes new data. */
export interface Sizes {
  /** In the names of what is made. */
  name: 'full' | 'quick';
  /** A, B, C, H: scale of pgbench (about 15 MB each), and rows of text of about 370 bytes. */
  bigCluster: { scale: number; textRows: number };
  /** D: each with a primary key, so twice as many files. */
  smallTables: { tables: number };
  /** E: rows of text in each of two tablespaces and in PGDATA, and where barman splits. */
  tablespaces: { textRows: number; maxArchiveSize: string };
  /** F: segments in the archive after a small backup. */
  replay: { scale: number; textRows: number; segments: number };
  /** G: as in A, and the segments after the backup. */
  incident: { scale: number; textRows: number; segments: number };
  /** Memory: rows of 1,900 equal bytes in the smaller cluster and in the larger. */
  memory: { smallRows: number; largeRows: number };
}

export const FULL: Sizes = {
  name: 'full',
  bigCluster: { scale: 140, textRows: 5_600_000 },
  smallTables: { tables: 20_000 },
  tablespaces: { textRows: 1_200_000, maxArchiveSize: '60MB' },
  replay: { scale: 8, textRows: 0, segments: 200 },
  incident: { scale: 60, textRows: 1_200_000, segments: 20 },
  memory: { smallRows: 500_000, largeRows: 4_100_000 },
};

export const QUICK: Sizes = {
  name: 'quick',
  bigCluster: { scale: 10, textRows: 300_000 },
  smallTables: { tables: 1_000 },
  tablespaces: { textRows: 100_000, maxArchiveSize: '5MB' },
  replay: { scale: 8, textRows: 0, segments: 12 },
  incident: { scale: 10, textRows: 200_000, segments: 4 },
  memory: { smallRows: 100_000, largeRows: 400_000 },
};
