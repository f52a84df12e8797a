import { OdoError } from '../../errors.ts';

const faults = new WeakSet<OdoError>();

/**
 * Marks an error as the fault of one object, while others of the store can be read. Only work that needs this object
 * fails.
 */
export function asObjectFault(error: OdoError): OdoError {
  faults.add(error);
  return error;
}

/** Whether a read failed because of that object alone: its archive storage class, or missing rights to it. */
export function isObjectFault(error: unknown): error is OdoError {
  return error instanceof OdoError && faults.has(error);
}
