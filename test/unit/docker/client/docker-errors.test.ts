import { describe, expect, it } from 'vitest';
import { isNetworkFault, translateDockerError } from '../../../../src/docker/client/docker-errors.ts';
import { OdoError } from '../../../../src/errors.ts';

function answer(statusCode: number, message: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), {
    statusCode,
    json: { message },
  });
}

describe('translateDockerError', () => {
  it.each(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'ENOTFOUND'])('takes %s for an engine out of reach', (code) => {
    const error = translateDockerError(
      Object.assign(new Error(`connect ${code} /x.sock`), { code }),
      'stop container pg-1',
    );
    expect(error.code).toBe('dockerUnreachable');
    expect(error.message).toBe(`cannot stop container pg-1: Docker cannot be reached: connect ${code} /x.sock`);
    expect(error.hint).toMatch(/docker version/);
  });

  it('says what to do about a socket without permission', () => {
    const error = translateDockerError(
      Object.assign(new Error('connect EACCES /x.sock'), { code: 'EACCES' }),
      'stop container pg-1',
    );
    expect(error.code).toBe('dockerUnreachable');
    expect(error.hint).toMatch(/sudo.*group docker/);
  });

  it('gives the code asked for when there is no such thing', () => {
    const cause = answer(404, 'No such container: pg-1');
    const error = translateDockerError(cause, 'stop container pg-1', { notFound: 'serviceNotFound' });
    expect(error).toMatchObject({
      code: 'serviceNotFound',
      message: 'cannot stop container pg-1: No such container: pg-1',
      cause,
    });
  });

  it('gives the code asked for when the engine refuses', () => {
    expect(translateDockerError(answer(500, 'disk on fire'), 'x', { refused: 'recoveryFailed' }).code).toBe(
      'recoveryFailed',
    );
    expect(translateDockerError(answer(500, 'disk on fire'), 'x').code).toBe('dockerUnreachable');
  });

  it('finds the words of an answer that is not JSON', () => {
    const error = Object.assign(new Error('(HTTP code 502) unexpected - Bad Gateway '), { statusCode: 502 });
    expect(translateDockerError(error, 'x').message).toBe('cannot x: Bad Gateway');
  });

  it('leaves alone what has been translated, and sees a cancellation', () => {
    const own = new OdoError('noSpace', 'full');
    expect(translateDockerError(own, 'x')).toBe(own);
    expect(translateDockerError(new DOMException('gone', 'AbortError'), 'x').code).toBe('cancelled');
  });
});

it.each([
  ['failed to create endpoint odo-restore-db on network bridge: network not ready', true],
  ['failed to set up container networking: driver failed programming external connectivity', true],
  ['Failed to program FILTER chain: iptables failed', true],
  ['exec: "agent": executable file not found in $PATH', false],
])('knows whether %j is about the network', (words, expected) => {
  expect(isNetworkFault(words)).toBe(expected);
});
