import { describe, expect, it } from 'vitest';
import type { Renderer } from '../../../../src/cli/render/render.ts';
import { quiet, tellSettings, verbose, warnOfRisks } from '../../../../src/cli/render/verbosity.ts';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';

function recording(): { renderer: Renderer; told: string[] } {
  const told: string[] = [];
  const renderer: Renderer = {
    event: (event) =>
      told.push(event.type === 'note' ? event.message : event.type === 'proof' ? event.name : event.type),
    result: ({ kind }) => told.push(`result ${kind}`),
    error: ({ message }) => told.push(`error ${message}`),
    close() {},
  };
  return { renderer, told };
}

const EVENTS: OdoEvent[] = [
  { type: 'phase', phase: 'prove', state: 'started' },
  { type: 'proof', name: 'good', state: 'held', evidence: '' },
  { type: 'proof', name: 'bad', state: 'failed', evidence: '' },
  { type: 'proof', name: 'odd', state: 'warning', evidence: '' },
  { type: 'progress', phase: 'lay-down' },
  { type: 'note', level: 'info', message: 'by the way' },
  { type: 'note', level: 'warning', message: 'beware' },
];

describe('--quiet', () => {
  it('tells warnings, failed checks, errors and the result', () => {
    const { renderer, told } = recording();
    const silent = quiet(renderer);
    for (const event of EVENTS) silent.event(event);
    silent.error(new OdoError('usage', 'wrong'));
    silent.result({ kind: 'text', text: '' });
    expect(told).toEqual(['bad', 'odd', 'beware', 'error wrong', 'result text']);
  });
});

describe('--verbose', () => {
  it('tells the causes of an error, the nearest first', () => {
    const { renderer, told } = recording();
    const cause = new Error('the second', { cause: new TypeError('the third') });
    verbose(renderer).error(new OdoError('usage', 'the first', { cause }));
    expect(told).toEqual(['error the first', 'caused by Error: the second', 'caused by TypeError: the third']);
  });

  it('tells the settings in force that are not defaults, without secrets', () => {
    const { renderer, told } = recording();
    tellSettings(
      [
        { name: 'volume', value: 'db', from: 'config', source: 'odo.yaml' },
        { name: 'aws-secret-key', value: 'hush', from: '.env', source: 'AWS_SECRET_KEY' },
        { name: 'verify', value: 'stream', from: 'default' },
      ],
      renderer,
    );
    expect(told).toEqual(['volume is db, by config (odo.yaml)', 'aws-secret-key is ***, by .env (AWS_SECRET_KEY)']);
  });
});

it('warns of a secret on the command line, and of none elsewhere', () => {
  const { renderer, told } = recording();
  warnOfRisks([{ name: 'aws-secret-key', value: 'hush', from: 'config', source: 'odo.yaml' }], renderer);
  expect(told).toEqual([]);
  warnOfRisks([{ name: 'aws-secret-key', value: 'hush', from: 'flag' }], renderer);
  expect(told).toEqual([expect.stringContaining('can be seen by other users')]);
});
