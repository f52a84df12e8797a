import { Chalk, type ColorSupportLevel } from 'chalk';
import type { OdoEvent, Phase, Progress, Proof } from '../../events.ts';
import { formatDuration } from './format-duration.ts';
import { allHarmless, harmless } from './harmless.ts';
import { createLiveBlock } from './live-block.ts';
import { PHASE_WORDS, progressLine, progressLines, type Underway } from './progress-words.ts';
import type { Renderer } from './render.ts';
import { resultWords } from './words.ts';

export interface TextOptions {
  stdout(text: string): void;
  stderr(text: string): void;
  /**
   * Standard error is a terminal: progress is a block of lines that is written over. Elsewhere, progress is a line
   * every few seconds.
   */
  live: boolean;
  /** The terminal's size, now. */
  size(): { columns: number; rows: number };
  /** Calls `redraw` whenever the size has changed, until the function that it gives is called. */
  onResize(redraw: () => void): () => void;
  /** Width of the terminal on standard output, if there is one. */
  resultColumns?(): number;
  colors: ColorSupportLevel;
}

/** The time between two lines of progress where there is no terminal. */
const PLAIN_INTERVAL_MS = 5000;
/** The time between two lines of a phase that goes on for weeks. A line comes only when there is something new. */
const PLAIN_FOLLOW_INTERVAL_MS = 60_000;
/** The time between two ticks. They come even when nothing happens, so that the elapsed time is shown. */
const TICK_MS = 1000;
/** The least time between two drawings of the display. */
const LIVE_INTERVAL_MS = 100;

interface Running {
  startedAt: number;
  progress?: Progress;
  toldAt: number;
}

/** Text for people: a live display on a terminal, timestamped lines elsewhere. */
export function createTextRenderer(options: TextOptions): Renderer {
  const paint = new Chalk({ level: options.colors });
  const block = createLiveBlock(options.stderr, () => options.size().rows);
  /** Phases may overlap. */
  const running = new Map<Phase, Running>();
  let lastShownAt = performance.now();
  let ticker: NodeJS.Timeout | undefined;
  let stopListening: (() => void) | undefined;

  function line(text: string): void {
    block.clear();
    options.stderr(`${options.live ? '' : `${new Date().toISOString()} `}${text}\n`);
    if (options.live) draw();
  }

  function underway(): Underway[] {
    const now = performance.now();
    return [...running].map(([phase, { startedAt, progress, toldAt }]) => ({
      phase,
      progress,
      elapsedMs: now - startedAt,
      silentMs: now - toldAt,
    }));
  }

  function draw(): void {
    const { columns } = options.size();
    const clip = (text: string) => text.slice(0, Math.max(1, columns - 3));
    // Proofs are lines of their own, each as soon as it is known.
    const lines = underway()
      .filter(({ phase }) => phase !== 'prove')
      .flatMap((one) =>
        progressLines(one, columns).map((text, index) => `${index === 0 ? paint.cyan('…') : ' '} ${clip(text)}`),
      );
    lastShownAt = performance.now();
    if (lines.length > 0) block.show(lines);
    else block.clear();
  }

  function tick(): void {
    if (options.live) {
      draw();
    } else {
      const intervalMs = running.has('follow') ? PLAIN_FOLLOW_INTERVAL_MS : PLAIN_INTERVAL_MS;
      if (performance.now() - lastShownAt < intervalMs) return;
      lastShownAt = performance.now();
      for (const one of underway()) if (one.phase !== 'follow' || one.silentMs < intervalMs) line(progressLine(one));
    }
  }

  function progress(told: Progress): void {
    // A renderer that has taken another's place did not see the phase begin.
    if (!running.has(told.phase)) begin(told.phase);
    const startedAt = running.get(told.phase)?.startedAt ?? performance.now();
    running.set(told.phase, { startedAt, progress: told, toldAt: performance.now() });
    if (options.live && performance.now() - lastShownAt >= LIVE_INTERVAL_MS) draw();
  }

  function begin(phase: Phase): void {
    if (running.size === 0) lastShownAt = performance.now();
    running.set(phase, { startedAt: performance.now(), toldAt: performance.now() });
    // The ticker alone must not keep the process alive.
    ticker ??= setInterval(tick, TICK_MS).unref();
    if (!options.live) return;
    stopListening ??= options.onResize(draw);
    draw();
  }

  function end(phase: Phase, mark: string, elapsedMs: number): void {
    running.delete(phase);
    line(`${mark} ${PHASE_WORDS[phase]} ${paint.dim(`(${formatDuration(elapsedMs)})`)}`);
  }

  function proof({ name, state, evidence }: Proof): void {
    const mark = {
      held: paint.green('held   '),
      failed: paint.red('FAILED '),
      warning: paint.yellow('warning'),
      unjudged: paint.dim('unknown'),
    }[state];
    line(`  ${mark} ${name}: ${evidence}`);
  }

  function event(raw: OdoEvent): void {
    const told = allHarmless(raw);
    switch (told.type) {
      case 'phase':
        if (told.state === 'started') begin(told.phase);
        else end(told.phase, told.state === 'finished' ? paint.green('✓') : paint.red('✗'), told.elapsedMs);
        break;
      case 'proof':
        proof(told);
        break;
      case 'progress':
        progress(told);
        break;
      case 'note':
        line(`${told.level === 'warning' ? paint.yellow('warning: ') : paint.dim('note: ')}${told.message}`);
        break;
      case 'error':
        line(`${paint.red('error:')} ${told.message}`);
        break;
    }
  }

  /** Ends all phases, and takes the display away. */
  function close(): void {
    clearInterval(ticker);
    ticker = undefined;
    stopListening?.();
    stopListening = undefined;
    running.clear();
    block.clear();
  }

  return {
    event,
    result(result) {
      close();
      const told = result.kind === 'text' ? result : allHarmless(result);
      options.stdout(`${resultWords(told, options.resultColumns?.())}\n`);
    },
    error(error) {
      close();
      line(`${paint.red('error:')} ${harmless(error.message)}`);
      for (const hint of error.hint?.split('\n') ?? []) line(`${paint.yellow('hint:')} ${harmless(hint)}`);
    },
    close,
  };
}
