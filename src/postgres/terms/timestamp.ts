/**
 * Moments as PostgreSQL has them, in microseconds: JavaScript's dates stop at milliseconds, and two commits may lie
 * within one. A moment is a bigint of microseconds since 1970 in UTC, or its text, `2026-11-21T13:02:03.500000Z`.
 */
const MICROS_PER_MS = 1000n;

/** Microseconds from 1970, where Unix counts from, to 2000, where PostgreSQL does. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n;

/** A TimestampTz, as it stands in WAL records, as a moment. */
export function microsOfTimestampTz(timestampTz: bigint): bigint {
  return timestampTz + POSTGRES_EPOCH_MICROS;
}

/** ISO 8601 in UTC with six digits of seconds. */
export function formatMicros(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / MICROS_PER_MS)).toISOString().slice(0, -'.000Z'.length);
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`;
}

/**
 * Reads ISO 8601 in UTC, with no more than six digits of seconds, such as formatMicros() or Date.toISOString() write.
 */
export function parseMicros(iso: string): bigint {
  const match = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(iso);
  const ms = Date.parse(`${match?.[1]}Z`);
  if (!match || Number.isNaN(ms)) throw new RangeError(`not a moment in UTC: ${iso}`);
  return BigInt(ms) * MICROS_PER_MS + BigInt((match[2] ?? '').padEnd(6, '0'));
}

/** `2026-11-21 13:02:03.5+00`, as PostgreSQL writes a moment in UTC: without zeros at the end. */
export function spellTimestamp(iso: string): string {
  const [seconds, fraction] = formatMicros(parseMicros(iso)).slice(0, -1).replace('T', ' ').split('.');
  const digits = fraction?.replace(/0+$/, '');
  return `${seconds}${digits ? `.${digits}` : ''}+00`;
}
