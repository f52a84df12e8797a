import type { Bench } from './bench.ts';
import type { Usage } from './time-output.ts';

/** One who restores. */
export interface Contestant {
  name: string;
  /** The command and its settings, for the reader. */
  settings: string;
  /** Before each run, untimed. */
  before?(): Promise<void>;
  run(): Promise<Usage>;
  /** After each run, untimed: throws unless everything that was to be restored is there. */
  verify(): Promise<void>;
}

/** A scenario that is ready to be measured. */
export interface Stage {
  /** What the reader should know about the data. */
  about: string;
  /** What every contestant restores, for MB/s; absent where bytes are not the point. */
  restoredBytes?: number;
  contestants: readonly Contestant[];
  close(): Promise<void>;
}

export interface Scenario {
  /** As in --only. */
  letter: string;
  title: string;
  /** How often all contestants run, when not as often as in other scenarios. */
  rounds?: number;
  prepare(bench: Bench): Promise<Stage>;
}

/** What one contestant did in all rounds. */
export interface Result {
  name: string;
  settings: string;
  runs: Usage[];
}

/** One scenario's results, in the contestants' order; ODO's name begins with `ODO`. */
export interface Outcome {
  letter: string;
  title: string;
  about: string;
  restoredBytes?: number;
  results: Result[];
}
