import { describe, expect, it } from 'vitest';
import { parseTargetTime, parseTimeZone, spellMoment } from '../../../../src/postgres/configuration/target-time.ts';
import {
  formatMicros,
  microsOfTimestampTz,
  parseMicros,
  spellTimestamp,
} from '../../../../src/postgres/terms/timestamp.ts';

describe('a time with its offset', () => {
  it.each([
    // ISO 8601
    ['2026-11-21T14:02:03+01:00', '2026-11-21T13:02:03.000000Z'],
    ['2026-11-21T14:02:03.5Z', '2026-11-21T14:02:03.500000Z'],
    ['2026-11-21T14:02Z', '2026-11-21T14:02:00.000000Z'],
    ['20261121T140203Z', '2026-11-21T14:02:03.000000Z'],
    ['2026-11-21t14:02:03,25z', '2026-11-21T14:02:03.250000Z'],
    ['2026-11-21T14:02:03-03:30', '2026-11-21T17:32:03.000000Z'],
    // as PostgreSQL writes and reads them
    ['2026-11-21 14:02:03.5+01', '2026-11-21T13:02:03.500000Z'],
    ['2026-11-21 14:02:03.123456+01', '2026-11-21T13:02:03.123456Z'],
    ['2026-11-21 14:02:03 +0100', '2026-11-21T13:02:03.000000Z'],
    ['2026-11-21 14:02:03 UTC', '2026-11-21T14:02:03.000000Z'],
    ['2026-11-21 14:02:03 GMT', '2026-11-21T14:02:03.000000Z'],
    ['2026-11-21 14:02:03 Europe/Berlin', '2026-11-21T13:02:03.000000Z'],
    ['  2026-07-21 14:02:03 Europe/Berlin ', '2026-07-21T12:02:03.000000Z'],
    ['2026-11-21 14:02:03.123456000Z', '2026-11-21T14:02:03.123456Z'],
    // across midnight, leap days, and the ends of minute and day
    ['2026-01-01 00:30:00+01', '2025-12-31T23:30:00.000000Z'],
    ['2028-02-29 12:00:00Z', '2028-02-29T12:00:00.000000Z'],
    ['2016-12-31 23:59:60Z', '2017-01-01T00:00:00.000000Z'],
    ['2026-11-21 24:00:00Z', '2026-11-22T00:00:00.000000Z'],
    ['1999-12-31 23:59:59.999999Z', '1999-12-31T23:59:59.999999Z'],
  ])('%s is %s', (text, expected) => {
    expect(parseTargetTime(text)).toBe(expected);
    // What stands in the time itself counts more than --timezone.
    expect(parseTargetTime(text, parseTimeZone('-08:00'))).toBe(expected);
  });
});

describe('a time without an offset', () => {
  it('is refused with both readings spelled out', () => {
    expect(() => parseTargetTime('2026-07-21 14:02:03', undefined, 'Europe/Berlin')).toThrow(
      expect.objectContaining({
        code: 'usage',
        message:
          '--target-time 2026-07-21 14:02:03 does not say in which time zone: read as UTC it is ' +
          '2026-07-21T14:02:03Z, ' +
          "read as this machine's local time (Europe/Berlin) it is 2026-07-21T12:02:03Z",
        hint: expect.stringMatching(/--timezone UTC, --timezone Europe\/Berlin/),
      }),
    );
    expect(() => parseTargetTime('20260721T140203.5', undefined, 'UTC')).toThrow(
      /2026-07-21 14:02:03\.5 does not say .* as UTC it is 2026-07-21T14:02:03\.5Z/,
    );
  });

  it.each([
    ['UTC', '2026-07-21T14:02:03.000000Z'],
    ['Europe/Berlin', '2026-07-21T12:02:03.000000Z'],
    ['America/St_Johns', '2026-07-21T16:32:03.000000Z'],
    ['Asia/Kathmandu', '2026-07-21T08:17:03.000000Z'],
    ['+02:00', '2026-07-21T12:02:03.000000Z'],
    ['-0330', '2026-07-21T17:32:03.000000Z'],
    ['+14', '2026-07-21T00:02:03.000000Z'],
  ])('is read in the zone %s', (zone, expected) => {
    expect(parseTargetTime('2026-07-21 14:02:03', parseTimeZone(zone))).toBe(expected);
  });

  it('knows summer time to the minute', () => {
    const berlin = parseTimeZone('Europe/Berlin');
    expect(parseTargetTime('2026-03-29 01:59:59.999999', berlin)).toBe('2026-03-29T00:59:59.999999Z');
    expect(parseTargetTime('2026-03-29 03:00:00', berlin)).toBe('2026-03-29T01:00:00.000000Z');
    expect(parseTargetTime('2026-10-25 01:59:59', berlin)).toBe('2026-10-24T23:59:59.000000Z');
    expect(parseTargetTime('2026-10-25 03:00:00', berlin)).toBe('2026-10-25T02:00:00.000000Z');
  });

  it('is refused in the hour that the clocks skip', () => {
    expect(() => parseTargetTime('2026-03-29 02:30:00', parseTimeZone('Europe/Berlin'))).toThrow(
      /2026-03-29 02:30:00 does not exist in Europe\/Berlin/,
    );
  });

  it('is refused in the hour that the clocks show twice, with both readings', () => {
    expect(() => parseTargetTime('2026-10-25 02:30:00', parseTimeZone('Europe/Berlin'))).toThrow(
      /was twice in Europe\/Berlin.* 2026-10-25T00:30:00Z and 2026-10-25T01:30:00Z/,
    );
  });
});

it.each([
  ['yesterday', /is not a time/],
  ['2026-11-21', /is not a time/],
  ['14:02:03', /is not a time/],
  ['1763733723', /is not a time/],
  ['2026-11-21 14', /is not a time/],
  ['2026-02-29 14:02:03Z', /no such day/],
  ['2026-13-01 14:02:03Z', /no such day/],
  ['2026-00-10 14:02:03Z', /no such day/],
  ['2026-11-21 25:00:00Z', /no such time of day/],
  ['2026-11-21 24:00:01Z', /no such time of day/],
  ['2026-11-21 14:60:00Z', /no such time of day/],
  ['2026-11-21 14:02:61Z', /no such time of day/],
  ['2026-11-21 14:02:03.1234567Z', /finer than a microsecond/],
  ['2026-11-21 14:02:03 CET', /CET, which names no certain offset/],
  ['2026-11-21 14:02:03 CST', /CST, which names no certain offset/],
  ['2026-11-21 14:02:03 Europe/Nowhere', /Europe\/Nowhere, which names no/],
  ['2026-11-21 14:02:03 +25:00', /\+25:00, which names no/],
  ['2026-11-21 14:02:03 or so', /or so, which names no/],
])('refuses %s', (text, message) => {
  expect(() => parseTargetTime(text)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  );
});

it.each(['Berlin', 'CEST', 'local', '+2:99', ''])('refuses the time zone %j', (text) => {
  expect(() => parseTimeZone(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

describe('moments', () => {
  it('are kept to the microsecond, before 1970 too', () => {
    for (const iso of ['2026-11-21T13:02:03.123456Z', '1969-12-31T23:59:59.999999Z', '1960-02-29T00:00:00.000001Z']) {
      expect(formatMicros(parseMicros(iso))).toBe(iso);
    }
    expect(parseMicros('1970-01-01T00:00:01Z')).toBe(1_000_000n);
    expect(formatMicros(microsOfTimestampTz(0n))).toBe('2000-01-01T00:00:00.000000Z');
    expect(() => parseMicros('2026-11-21 13:02:03+00')).toThrow(RangeError);
  });

  it('are spelled as PostgreSQL and people do', () => {
    expect(spellTimestamp('2026-11-21T13:02:03.120000Z')).toBe('2026-11-21 13:02:03.12+00');
    expect(spellTimestamp('2026-11-21T13:02:10.000000Z')).toBe('2026-11-21 13:02:10+00');
    expect(spellMoment('2026-11-21T13:02:10.000000Z')).toBe('2026-11-21T13:02:10Z');
    expect(spellMoment('2026-11-21T13:02:10.050000Z')).toBe('2026-11-21T13:02:10.05Z');
  });
});
