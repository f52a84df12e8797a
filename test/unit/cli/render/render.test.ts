import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createJsonRenderer } from '../../../../src/cli/render/render-json.ts';
import { createTextRenderer } from '../../../../src/cli/render/render-text.ts';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { createTerminalScreen } from '../../parts/terminal-screen.ts';

const ROLLBACK = {
  kind: 'rollback',
  volume: 'v',
  service: 's',
  dataDirectory: '/d',
  rolledBack: true,
  isKept: false,
  inPlace: 'before' as const,
  started: true,
  notes: [] as string[],
} as const;
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
  vi.useFakeTimers({
    now: Date.parse('2026-01-01T00:00:00Z'),
    toFake: ['Date', 'performance', 'setInterval', 'clearInterval'],
  });
});

afterEach(() => {
  vi.useRealTimers();
});

function progress(readBytes: number): OdoEvent {
  return { type: 'progress', phase: 'lay-down', readBytes, totalBytes: 100 };
}

describe('text', () => {
  const plain = (more: Partial<Parameters<typeof createTextRenderer>[0]> = {}) =>
    createTextRenderer({
      stdout,
      stderr,
      live: false,
      size: () => ({ columns: 80, rows: 24 }),
      onResize: () => () => undefined,
      colors: 0,
      ...more,
    });

  it('is a timestamped line for each event where there is no terminal, without colours', () => {
    const renderer = plain();
    renderer.event({ type: 'proof', name: 'store', state: 'held', evidence: 's3://bucket' });
    renderer.event({ type: 'proof', name: 'WAL', state: 'failed', evidence: 'it lacks x' });
    renderer.event({ type: 'phase', phase: 'prove', state: 'finished', elapsedMs: 1234 });
    renderer.event({ type: 'phase', phase: 'swap', state: 'failed', elapsedMs: 100 });
    renderer.event({ type: 'note', level: 'warning', message: 'careful' });
    const lines = err.trimEnd().split('\n');
    expect(lines.map((line) => line.replace(STAMP, ''))).toEqual([
      '  held    store: s3://bucket',
      '  FAILED  WAL: it lacks x',
      '✓ checking (1.2 s)',
      '✗ exchanging old and new data (0.1 s)',
      'warning: careful',
    ]);
    expect(lines.every((line) => STAMP.test(line))).toBe(true);
    expect(out).toBe('');
  });

  it('tells of progress every few seconds only, where there is no terminal, and also when nothing moves', () => {
    const renderer = plain();
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'started' });
    for (let second = 1; second <= 11; second++) {
      renderer.event(progress(second));
      vi.advanceTimersByTime(1000);
    }
    vi.advanceTimersByTime(9000);
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'finished', elapsedMs: 20_000 });
    vi.advanceTimersByTime(60_000);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(STAMP, '').replace(/;.*/, '')),
    ).toEqual([
      'laying the backup down: 5 %, 5.0 s so far',
      'laying the backup down: 10 %, 10.0 s so far',
      'laying the backup down: 11 %, nothing new for 5.0 s, 15.0 s so far',
      'laying the backup down: 11 %, nothing new for 10.0 s, 20.0 s so far',
      '✓ laying the backup down (20.0 s)',
    ]);
  });

  it('tells of what goes on for weeks each minute only, and nothing when there is nothing new', () => {
    const renderer = plain();
    renderer.event({ type: 'phase', phase: 'follow', state: 'started' });
    const tellAndWait = (segments: number) => {
      renderer.event({ type: 'progress', phase: 'follow', segments });
      vi.advanceTimersByTime(30_000);
    };
    for (let segments = 1; segments <= 4; segments++) tellAndWait(segments);
    vi.advanceTimersByTime(600_000);
    const lines = err.trimEnd().split('\n');
    expect(lines.map((line) => /(\d+) WAL segments fetched/.exec(line)?.[1])).toEqual(['2', '4']);
  });

  it('writes progress over itself on a terminal, within its width, and leaves only what was printed', () => {
    const size = { columns: 40, rows: 10 };
    const screen = createTerminalScreen({ ...size, reflows: true });
    let resized: (() => void) | undefined;
    const onResize = (redraw: () => void) => {
      resized = redraw;
      return () => {
        resized = undefined;
      };
    };
    const renderer = plain({ live: true, size: () => size, onResize, stderr: screen.write });
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'started' });
    renderer.event({ type: 'phase', phase: 'wal', state: 'started' });
    vi.advanceTimersByTime(1000);
    renderer.event(progress(1));
    renderer.event({ type: 'note', level: 'info', message: 'a note' });
    expect(screen.visible()).toEqual([
      'note: a note',
      '… laying the backup down  1 %, 1.0 s so',
      '  read 1 B of 100 B',
      '… fetching WAL  1.0 s so far',
    ]);
    size.columns = 30;
    screen.resize(size.columns, size.rows);
    resized?.();
    expect(screen.visible().at(-1)).toBe('… fetching WAL  1.0 s so far');
    expect(screen.visible()[1]).toBe('… laying the backup down  1 %');
    vi.advanceTimersByTime(2000);
    expect(screen.visible().slice(1)).toEqual([
      '… laying the backup down  1 %',
      '  read 1 B of 100 B',
      '… fetching WAL  3.0 s so far',
    ]);
    renderer.event({ type: 'phase', phase: 'wal', state: 'finished', elapsedMs: 2000 });
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'finished', elapsedMs: 2000 });
    vi.advanceTimersByTime(5000);
    expect(screen.lines()).toEqual(['note: a note', '✓ fetching WAL (2.0 s)', '✓ laying the backup down (2.0 s)']);
    renderer.close();
    expect(resized).toBeUndefined();
  });

  it('draws no oftener than can be seen', () => {
    const renderer = plain({ live: true });
    renderer.event({ type: 'phase', phase: 'lay-down', state: 'started' });
    err = '';
    for (let step = 0; step < 1000; step++) {
      vi.advanceTimersByTime(1);
      renderer.event(progress(step));
    }
    expect(err.split('read ').length - 1).toBeLessThanOrEqual(11);
    expect(err).toContain('read ');
  });

  it('gives the result to standard output alone, after clearing what is live', () => {
    const renderer = plain({ live: true });
    vi.advanceTimersByTime(1000);
    renderer.event(progress(1));
    err = '';
    renderer.result(ROLLBACK);
    expect(err).toBe('\r\x1b[J');
    expect(out).toMatch(/^rolled back: .*\n$/);
    vi.advanceTimersByTime(60_000);
    expect(err).toBe('\r\x1b[J');
  });

  it('goes on where another renderer was', () => {
    const renderer = plain();
    renderer.event(progress(1));
    vi.advanceTimersByTime(5000);
    expect(err).toContain('laying the backup down: 1 %');
    err = '';
    renderer.close();
    vi.advanceTimersByTime(60_000);
    expect(err).toBe('');
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
    createJsonRenderer(stdout, stderr).error(
      new OdoError('notFound', 'no bucket', { hint: 'look', cause: new Error('secret') }),
    );
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
