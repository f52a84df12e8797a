import { asOdoError, type OdoError } from '../../errors.ts';

/**
 * The error of a question that need not be answered, for a note in place of the answer.
 * Errors: `cancelled` is thrown, since nobody waits for a note then.
 */
export function unlessCancelled(thrown: unknown): OdoError {
  const error = asOdoError(thrown);
  if (error.code === 'cancelled') throw error;
  return error;
}
