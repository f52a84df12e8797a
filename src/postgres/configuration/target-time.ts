import { OdoError } from '../../errors.ts';
import { formatMicros, parseMicros } from '../terms/timestamp.ts';

/** `--timezone` as it was understood: an offset from UTC, or a zone of the time zone database. */
export type TimeZone = { offsetMinutes: number } | { zone: string };

/** The reading of a clock on a wall: not a moment yet. */
interface WallTime {
  /** As if the clock showed UTC. */
  micros: bigint;
  /** As it was written, for messages. */
  text: string;
}

const DATE_TIME = /^(\d{4})-?(\d\d)-?(\d\d)(?:T|\s+)(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?\s*(.*)$/i;
const EXAMPLES = "such as '2026-11-21T14:02:03+01:00' or '2026-11-21 14:02:03.5+01'";

/**
 * Reads the moment of `--target-time`, in ISO 8601 or as PostgreSQL writes times. It may end with an offset, `Z`, `UTC`
 * or a zone's name (`Europe/Berlin`). Without these, it is read in `timeZone`. Without that, it is refused, and the
 * message says what it would be in UTC and in the machine's zone, since the difference decides which rows come back. As
 * in PostgreSQL, second 60 is the next minute's first, and 24:00 the next day's beginning.
 * @param localZone the machine's own zone, for the message
 * @returns ISO 8601 in UTC with microseconds
 * @throws usage
 */
export function parseTargetTime(text: string, timeZone?: TimeZone, localZone: string = zoneOfMachine()): string {
  const match = DATE_TIME.exec(text.trim());
  if (!match) throw wrong(`'${text}' is not a time`, `write the date and the time of day, ${EXAMPLES}`);
  const [, year, month, day, hour, minute, second = '00', fraction = '', suffix = ''] = match;
  const date = `${year}-${month}-${day}`;
  const wall: WallTime = {
    micros: wallMicros(text, [year, month, day, hour, minute, second].map(Number), fraction),
    text:
      `${date} ` +
      `${hour}:${minute}${match[6] === undefined ? '' : `:${second}`}${fraction === '' ? '' : `.${fraction}`}`,
  };
  const zone = suffix === '' ? timeZone : parseTimeZone(suffix, `'${text}'`);
  if (!zone) throw ambiguousZone(wall, localZone);
  return formatMicros(momentOf(wall, zone));
}

/**
 * Reads `UTC`, `Z`, `GMT`, an offset (`+02:00`, `+02`, `-0330`) or the name of a zone (`Europe/Berlin`). Other
 * abbreviations are refused: CST alone is three different ones.
 * @param where the words by which the message names the source of the text
 */
export function parseTimeZone(text: string, where = '--timezone'): TimeZone {
  if (/^(utc|gmt|z|zulu)$/i.test(text)) return { offsetMinutes: 0 };
  const offset = /^([+-])(\d\d?):?(\d\d)?$/.exec(text);
  if (offset) {
    const [hours, minutes] = [Number(offset[2]), Number(offset[3] ?? '0')];
    if (hours <= 15 && minutes < 60) return { offsetMinutes: (offset[1] === '-' ? -1 : 1) * (hours * 60 + minutes) };
  }
  if (text.includes('/') && isZone(text)) return { zone: text };
  throw wrong(
    `${where} has the time zone ${text}, which names no certain offset from UTC`,
    'write UTC, an offset such as +01:00, or a zone such as Europe/Berlin',
  );
}

function wallMicros(text: string, fields: readonly number[], fraction: string): bigint {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const isDate = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  const isEndOfDay = hour === 24 && minute === 0 && second === 0 && Number(fraction) === 0;
  if (!isDate || (hour > 23 && !isEndOfDay) || minute > 59 || second > 60) {
    throw wrong(`'${text}' is not a time: there is no such ${isDate ? 'time of day' : 'day'}`, `check it; ${EXAMPLES}`);
  }
  if (/[1-9]/.test(fraction.slice(6))) {
    throw wrong(
      `'${text}' is finer than a microsecond, which is as fine as PostgreSQL's times are`,
      'leave the last digits out',
    );
  }
  const ms = BigInt(midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1000);
  return ms * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}

function momentOf(wall: WallTime, zone: TimeZone): bigint {
  if ('offsetMinutes' in zone) return wall.micros - BigInt(zone.offsetMinutes) * 60_000_000n;
  const moments = momentsIn(zone.zone, wall.micros);
  if (moments.length === 1) return moments[0] as bigint;
  if (moments.length === 0) {
    throw wrong(
      `${wall.text} does not exist in ${zone.zone}: the clocks were put forward over it`,
      'give it in UTC, or with an offset',
    );
  }
  const readings = moments.map((moment) => spell(moment)).join(' and ');
  throw wrong(
    `${wall.text} was twice in ${zone.zone}, when the clocks were put back: ${readings}`,
    'give the one you mean in UTC',
  );
}

/**
 * All moments at which the clocks of a zone showed this time, earliest first. There is one as a rule, and none or two
 * when the clocks were changed.
 */
function momentsIn(zone: string, wallMicros: bigint): bigint[] {
  // The offset was in force at one of these moments: no zone changes its offset twice within a day.
  const around = [-86_400_000_000n, 0n, 86_400_000_000n].map((shift) => offsetMicros(zone, wallMicros + shift));
  const candidates = [...new Set(around)].map((offset) => wallMicros - offset);
  return candidates
    .filter((moment) => moment + offsetMicros(zone, moment) === wallMicros)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** How far a zone's clocks were ahead of UTC at a moment. */
function offsetMicros(zone: string, moment: bigint): bigint {
  const ms = Number(moment / 1000n);
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms);
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  );
  return BigInt(shown - Math.floor(ms / 1000) * 1000) * 1000n;
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function zoneOfMachine(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function ambiguousZone(wall: WallTime, localZone: string): OdoError {
  const utc = spell(wall.micros);
  const local = momentsIn(localZone, wall.micros).map(spell).join(' or ') || 'no time at all';
  return wrong(
    `--target-time ${wall.text} does not say in which time zone: read as UTC it is ${utc}, read as this ` +
      `machine's local time (${localZone}) it is ${local}`,
    'write the one that you mean, or name the zone: --timezone UTC, --timezone ' +
      `${localZone === 'UTC' ? 'Europe/Berlin' : localZone}, --timezone +02:00`,
  );
}

/** A moment in UTC, without needless zeros. */
function spell(micros: bigint): string {
  return formatMicros(micros).replace(/\.?0+Z$/, 'Z');
}

/** A moment for people: as short as it is exact. */
export function spellMoment(iso: string): string {
  return spell(parseMicros(iso));
}

function wrong(message: string, hint: string): OdoError {
  return new OdoError('usage', message, { hint });
}
