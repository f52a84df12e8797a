import type { OdoError } from '../errors.ts';
import type { Report } from '../events.ts';

/** The time between two such lines: many reads meet the same trouble at once. */
const INTERVAL_MS = 10_000;

/** Tells that a read is being tried again, now and then: a person should not have to guess why nothing moves. */
export function tellRetries(report: Report): (error: OdoError, delayMs: number) => void {
  let lastToldAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (performance.now() - lastToldAt < INTERVAL_MS) return;
    lastToldAt = performance.now();
    report({ type: 'note', level: 'warning', message: `trying again: ${error.message}` });
  };
}
