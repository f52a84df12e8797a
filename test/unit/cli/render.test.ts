import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createJsonRenderer } from '../../../src/cli/render-json.ts';
import { createTextRenderer } from '../../../src/cli/render-text.ts';
import { OdoError } from '../../../src/errors.ts';
import type { OdoEvent } from '../../../src/events.ts';

const ROLLBACK = { kind: 'rollback', volume: 'v', service: 's', dataDirectory: '/d', rolledBack: true, started: true } as const;
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

let out: string;
let err: string;
const stdout = (text: string) => {
  out += text;
};
const stderr = (text: string) => {
  err += text;
};

beforeEach(() => {
  out = '';
  err = '';
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z'), toFake: ['Date', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function progress(readBytes: number): OdoEvent {
  return { type: 'progress', phase: 'lay-down', readBytes, totalBytes: 100 };
}

describe('text', () => {
  const plain = (more: Partial<Parameters<typeof createTextRenderer>[0]> = {}) =>
    createTextRenderer({ stdout, stderr, live: false, columns: () => 80, colors: 0, ...more });

  it('is a timestamped line for each event where there is no terminal, without colours', () => {
    const renderer = plain();
    renderer.event({ type: 'proof', name: 'store', state: 'held', evidence: 's3://bucket' });
    renderer.event({ type: 'proof', name: 'WAL', state: 'failed', evidence: 'it lacks x' });
    renderer.event({ type: 'phase', phase: 'prove', state: 'finished', elapsedMs: 1234 });
    renderer.event({ type: 'note', level: 'warning', message: 'careful' });
    const lines = err.trimEnd().split('\n');
    expect(lines.map((line) => line.replace(STAMP, ''))).toEqual([
      '  held    store: s3://bucket',
      '  FAILED  WAL: it lacks x',
      '✓ checking (1.2 s)',
      'warning: careful',
    ]);
    expect(lines.every((line) => STAMP.test(line))).toBe(true);
    expect(out).toBe('');
  });

  it('tells of progress every few seconds only, where there is no terminal', () => {
    const renderer = plain();
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'started' });
    for (let second = 1; second <= 11; second++) {
      vi.advanceTimersByTime(1000);
      renderer.event(progress(second));
    }
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => /\((\d+) %\)/.exec(line)?.[1]),
    ).toEqual(['6']);
  });

  it('writes progress over itself on a terminal, within its width, and clears it before the next line', () => {
    const renderer = plain({ live: true, columns: () => 30 });
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'started' });
    renderer.event(progress(1));
    renderer.event(progress(2));
    expect(err).not.toContain('\n');
    expect(Math.max(...err.split('\r\x1b[2K').map((piece) => piece.length))).toBeLessThan(30);
    err = '';
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'finished', elapsedMs: 2000 });
    expect(err).toBe('\r\x1b[2K✓ laying the backup down (2.0 s)\n');
    err = '';
    renderer.event({ type: 'note', level: 'info', message: 'x' });
    expect(err).toBe('note: x\n');
  });

  it('gives the result to standard output alone, after clearing what is live', () => {
    const renderer = plain({ live: true });
    renderer.event(progress(1));
    err = '';
    renderer.result(ROLLBACK);
    expect(err).toBe('\r\x1b[2K');
    expect(out).toMatch(/^rolled back: .*\n$/);
  });

  it('gives an error with every line of its hint', () => {
    plain({ live: true }).error(new OdoError('noSpace', 'no space', { hint: 'free some\nor run x' }));
    expect(err).toBe('error: no space\nhint: free some\nhint: or run x\n');
  });

  it('has colours only where they are wanted', () => {
    plain({ live: true, colors: 1 }).error(new OdoError('noSpace', 'no space'));
    expect(err).toContain('\x1b[31merror:\x1b[39m');
  });
});

describe('JSON', () => {
  it('is one event a line with its time on standard error, and one document on standard output', () => {
    const renderer = createJsonRenderer(stdout, stderr);
    renderer.event({ type: 'note', level: 'info', message: 'two\nlines' });
    renderer.event(progress(1));
    renderer.result(ROLLBACK);
    const lines = err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual([
      { time: '2026-01-01T00:00:00.000Z', type: 'note', level: 'info', message: 'two\nlines' },
      { time: '2026-01-01T00:00:00.000Z', ...progress(1) },
    ]);
    expect(JSON.parse(out)).toEqual(ROLLBACK);
  });

  it('has an error as an event, with the exit code that will follow, and nothing on standard output', () => {
    createJsonRenderer(stdout, stderr).error(new OdoError('notFound', 'no bucket', { hint: 'look', cause: new Error('secret') }));
    expect(JSON.parse(err)).toEqual({
      time: '2026-01-01T00:00:00.000Z',
      type: 'error',
      code: 'notFound',
      exitCode: 12,
      message: 'no bucket',
      hint: 'look',
    });
    expect(out).toBe('');
  });
});
