import { Chalk, type ColorSupportLevel } from 'chalk';
import type { OdoEvent, Phase, Proof } from '../events.ts';
import type { Renderer } from './render.ts';
import { formatDuration, PHASE_WORDS, progressWords, resultWords } from './words.ts';

export interface TextOptions {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Standard error is a terminal: progress is one line that is written over. Elsewhere it is a line every few seconds. */
  live: boolean;
  /** Width of the terminal now. */
  columns(): number;
  /** Width of the terminal that standard output is now, if it is one. */
  resultColumns?(): number;
  colors: ColorSupportLevel;
}

/** Between two lines of progress where there is no terminal. */
const PLAIN_INTERVAL_MS = 5000;

const CLEAR_LINE = '\r\x1b[2K';

/** Text for people: a live display on a terminal, timestamped lines elsewhere. */
export function createTextRenderer(options: TextOptions): Renderer {
  const paint = new Chalk({ level: options.colors });
  let phaseStartedAt = performance.now();
  let lastProgressAt = 0;
  let liveLine = false;

  function line(text: string): void {
    const clear = liveLine ? CLEAR_LINE : '';
    const stamp = options.live ? '' : `${new Date().toISOString()} `;
    liveLine = false;
    options.stderr(`${clear}${stamp}${text}\n`);
  }

  function progress(text: string): void {
    if (options.live) {
      liveLine = true;
      options.stderr(`${CLEAR_LINE}${text.slice(0, Math.max(20, options.columns() - 1))}`);
    } else if (performance.now() - lastProgressAt > PLAIN_INTERVAL_MS) {
      lastProgressAt = performance.now();
      line(text);
    }
  }

  function phase(name: Phase, elapsedMs: number | undefined): void {
    if (elapsedMs === undefined) {
      phaseStartedAt = performance.now();
      lastProgressAt = phaseStartedAt;
      if (options.live && name !== 'prove') progress(`${paint.cyan('…')} ${PHASE_WORDS[name]}`);
      return;
    }
    line(`${paint.green('✓')} ${PHASE_WORDS[name]} ${paint.dim(`(${formatDuration(elapsedMs)})`)}`);
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

  function event(told: OdoEvent): void {
    switch (told.type) {
      case 'phase':
        phase(told.phase, told.state === 'finished' ? told.elapsedMs : undefined);
        break;
      case 'proof':
        proof(told);
        break;
      case 'progress':
        progress(`${paint.cyan('…')} ${PHASE_WORDS[told.phase]}: ${progressWords(told, performance.now() - phaseStartedAt)}`);
        break;
      case 'note':
        line(`${told.level === 'warning' ? paint.yellow('warning: ') : paint.dim('note: ')}${told.message}`);
        break;
      case 'error':
        line(`${paint.red('error:')} ${told.message}`);
        break;
    }
  }

  return {
    event,
    result(result) {
      if (liveLine) options.stderr(CLEAR_LINE);
      liveLine = false;
      options.stdout(`${resultWords(result, options.resultColumns?.())}\n`);
    },
    error(error) {
      line(`${paint.red('error:')} ${error.message}`);
      for (const hint of error.hint?.split('\n') ?? []) line(`${paint.yellow('hint:')} ${hint}`);
    },
  };
}
