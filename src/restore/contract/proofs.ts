import { asOdoError, type ErrorReport, type OdoError } from '../../errors.ts';
import type { Proof, Report } from '../../events.ts';

/** The result of a check that does not speak against the restore: its evidence, and perhaps that it is unwelcome. */
export interface Finding<T = undefined> {
  evidence: string;
  state?: 'held' | 'warning' | 'unjudged';
  value?: T;
}

/** The preflight checks of one run, in the order in which they were made. */
export interface Proofs {
  readonly all: readonly Proof[];
  /**
   * Makes one check. What the check throws becomes a failed proof, and the result is undefined: checks that do not
   * depend on this one still go on. `cancelled` and `bug` pass through.
   */
  attempt<T>(name: string, check: () => Promise<Finding<T>> | Finding<T>): Promise<T | undefined>;
  /** Throws the error of the first failed proof. */
  demandAll(): void;
}

export function createProofs(report: Report, signal: AbortSignal): Proofs {
  const all: Proof[] = [];
  const failures: OdoError[] = [];

  function add(proof: Proof): void {
    all.push(proof);
    report({ type: 'proof', ...proof });
  }

  return {
    all,
    async attempt(name, check) {
      try {
        const { evidence, state = 'held', value } = await check();
        add({ name, state, evidence });
        return value;
      } catch (thrown) {
        const error = asOdoError(thrown, signal);
        if (error.code === 'cancelled' || error.code === 'bug') throw error;
        failures.push(error);
        add({ name, state: 'failed', evidence: error.message, error: error.report() satisfies ErrorReport });
        return undefined;
      }
    },
    demandAll() {
      if (failures[0]) throw failures[0];
    },
  };
}
