import type { FaultProxy } from '../integration/parts/fault-proxy.ts';
import type { EngineProxy } from './engine-proxy.ts';
import type { CleanRun, Moment, OdoRun } from './odo-run.ts';
import type { PrivateEngine } from './private-engine.ts';
import type { Random } from './random.ts';
import type { Repository, RepositoryName } from './repository.ts';
import type { Rig } from './rig.ts';

/** What a fault can lay hands on while a run goes on. */
export interface Scene {
  rig: Rig;
  proxy: FaultProxy;
  repository: Repository;
  /** Which part of the repository is being restored. */
  restoring: RepositoryName;
  random: Random;
  clean: CleanRun;
  run: OdoRun;
  /** Starts the same command once more, beside the first. */
  startAnother(): OdoRun;
  /** There is one only when a private engine was asked for. */
  privateEngine: PrivateEngine | undefined;
  /** There is one only for a fault that speaks of it. */
  engineProxy: EngineProxy | undefined;
  /** Tells what was done, for the report of a defect. */
  note(text: string): void;
  /** Done after the run, whatever came of it. */
  repairLater(repair: () => Promise<void>): void;
  /** A full restore may give this state as well, when a warning of a hole in the archive was given. */
  acceptHole(digest: string): void;
  /** So may it without a warning, when the run never saw the archive's last segment, which was taken away. */
  acceptEnd(digest: string, lost: string): void;
}

/** One thing that goes wrong, and what ODO may make of it. Success is always fitting. */
export interface Fault {
  name: string;
  /** For the report. */
  about: string;
  /** How often in a round of all faults (default 1). */
  weight?: number;
  moments: readonly Moment['at'][];
  repositories: readonly RepositoryName[];
  /** Exit codes that fit besides 0; null: a signal ended it. */
  codes: readonly (number | null)[];
  /** Words of the server with which 30 fits, too: the fault came after the exchange, and the server itself met it. */
  serverMeets?: RegExp;
  /** For --retry-for, when it has to be longer than the usual few seconds. */
  retryForS?: number;
  /** The fault itself takes the server down, so that a finished restore may be found stopped. */
  stopsServer?: boolean;
  /** The rollback that follows is killed while it exchanges the data. */
  killsRollback?: boolean;
  /** The volume, which has to be in memory, is full as long as this fault lasts. */
  fillsDisk?: boolean;
  /** The volume lies on a disk that can lose what was written to it. */
  failsDisk?: boolean;
  /** All containers stop, and ODO can start none: only done to a private engine. */
  restartsEngine?: boolean;
  /** The command reaches the engine through a proxy that can cut calls off. */
  needsEngineProxy?: boolean;
  /** Before the command starts. */
  prepare?(scene: Omit<Scene, 'run'>): Promise<void>;
  /** At the moment. */
  strike?(scene: Scene): Promise<void>;
}

export const BOTH: readonly RepositoryName[] = ['barman', 'barman', 'set'];
