import { expect, it, test } from 'vitest';
import { asOdoError, cancelled, EXIT, OdoError } from '../../src/errors.ts';

test('every way to end has its exit code, which scripts rely on', () => {
  expect(Object.fromEntries(Object.entries(EXIT).map(([code, { exitCode }]) => [code, exitCode]))).toEqual({
    done: 0,
    bug: 1,
    usage: 2,
    noReplacementConf: 3,
    storeUnreachable: 10,
    accessDenied: 11,
    notFound: 12,
    backupIncomplete: 13,
    dataCorrupt: 14,
    targetOutOfReach: 15,
    dockerUnreachable: 20,
    serviceNotFound: 21,
    versionMismatch: 22,
    noSpace: 23,
    unsafeTarget: 24,
    writeFailed: 25,
    wouldNotStart: 26,
    recoveryFailed: 30,
    promotionNotSeen: 31,
    scriptFailed: 32,
    cancelled: 130,
  });
});

it('crosses from one process to another as data', () => {
  const error = new OdoError('noSpace', 'no space left', { hint: 'free some', cause: new Error('ENOSPC') });
  const arrived = OdoError.fromReport(JSON.parse(JSON.stringify(error.report())));
  expect(arrived).toBeInstanceOf(OdoError);
  expect(arrived.report()).toEqual({ code: 'noSpace', exitCode: 23, message: 'no space left', hint: 'free some' });
});

it('leaves a hint out of its report when there is none', () => {
  expect(new OdoError('bug', 'x').report()).toEqual({ code: 'bug', exitCode: 1, message: 'x' });
});

it('keeps the cause, and has none when none was given', () => {
  const cause = new Error('why');
  expect(new OdoError('bug', 'x', { cause }).cause).toBe(cause);
  expect('cause' in new OdoError('bug', 'x')).toBe(false);
});

it('takes what nobody translated for a bug of its own, whatever was thrown', () => {
  const thrown = new TypeError('x is not a function');
  expect(asOdoError(thrown)).toMatchObject({ code: 'bug', message: 'unexpected: x is not a function', cause: thrown });
  expect(asOdoError('a text')).toMatchObject({ code: 'bug', message: 'unexpected: a text' });
});

it('passes an OdoError on as it is', () => {
  const error = new OdoError('notFound', 'no bucket');
  expect(asOdoError(error, new AbortController().signal)).toBe(error);
});

it('knows a cancellation in whatever form it comes', () => {
  const plain = AbortSignal.abort();
  const reasoned = new OdoError('cancelled', 'the host is gone');
  expect(asOdoError(new DOMException('aborted', 'AbortError'), plain)).toMatchObject({
    code: 'cancelled',
    exitCode: 130,
  });
  expect(asOdoError(new Error('socket hang up'), AbortSignal.abort(reasoned))).toBe(reasoned);
  expect(asOdoError(cancelled(), AbortSignal.abort(reasoned))).toBe(reasoned);
});

it('does not hide a real failure behind a cancellation that came at the same time', () => {
  const error = new OdoError('dataCorrupt', 'bad gzip');
  expect(asOdoError(error, AbortSignal.abort())).toBe(error);
});
