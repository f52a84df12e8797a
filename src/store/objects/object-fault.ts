import { OdoError } from '../../errors.ts';

const faults = new WeakSet<OdoError>();

/**
 * Notes that an error is about one object, where others of the store can be read: what needs that object fails, and
 * nothing else.
 */
export function asObjectFault(error: OdoError): OdoError {
  faults.add(error);
  return error;
}

/**
 * Whether a read failed for a reason that lies in that object alone: an archive storage class, or rights to it that are
 * lacking.
 */
export function isObjectFault(error: unknown): error is OdoError {
  return error instanceof OdoError && faults.has(error);
}
