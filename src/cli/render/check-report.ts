import type { ErrorReport } from '../../errors.ts';
import type { Proof } from '../../events.ts';
import type { Plan } from '../../restore/outcome/receipt.ts';

/** The findings of `odo check`: all proofs, and the plan when a restore would start. */
export interface CheckReport {
  kind: 'check';
  /** A restore would start. */
  ok: boolean;
  proofs: readonly Proof[];
  plan?: Plan;
  /** The first failure, whose exit code is the command's. */
  error?: ErrorReport;
}
