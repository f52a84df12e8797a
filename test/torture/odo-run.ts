import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import readline from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OdoEvent, Phase } from '../../src/events.ts';
import { S3_KEYS } from '../integration/parts/s3.ts';
import type { Product } from './product.ts';

/** How it ended. */
export interface Ending {
  /** null when a signal killed it. */
  code: number | null;
  stdout: string;
  elapsedMs: number;
}

/** One run of the command line with --json. */
export interface OdoRun {
  args: readonly string[];
  /** Every line of its standard error, with the milliseconds since its start. */
  lines: { ms: number; text: string }[];
  events: { ms: number; event: OdoEvent }[];
  /** Ctrl-C reaches the whole process group, as from a terminal; other signals only the process. */
  signal(name: NodeJS.Signals): void;
  ended: Promise<Ending>;
  isOver(): boolean;
  /** Resolves at the first event that fits, also one that has been; false when the run ends before. */
  saw(fits: (event: OdoEvent) => boolean): Promise<boolean>;
}

export function startOdo(product: Product, args: readonly string[], env: NodeJS.ProcessEnv): OdoRun {
  const startedAt = performance.now();
  const ms = () => Math.round(performance.now() - startedAt);
  const child = spawn(process.execPath, [product.bundle, ...args, '--json'], {
    env: { ...process.env, ...S3_KEYS, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: OdoRun['lines'] = [];
  const events: OdoRun['events'] = [];
  const news = new EventEmitter();
  news.setMaxListeners(0);
  let over = false;
  readline.createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push({ ms: ms(), text: line });
    try {
      const event = JSON.parse(line) as OdoEvent;
      events.push({ ms: ms(), event });
      news.emit('event', event);
    } catch {
      // not an event, such as the stack of a bug: it stays among the lines
    }
  });
  const ended = Promise.all([once(child, 'close'), text(child.stdout)]).then(([[code], stdout]): Ending => {
    over = true;
    news.emit('over');
    return { code: code as number | null, stdout, elapsedMs: ms() };
  });
  return {
    args,
    lines,
    events,
    signal(name) {
      if (over || child.pid === undefined) return;
      try {
        process.kill(name === 'SIGINT' ? -child.pid : child.pid, name);
      } catch {
        // it had just ended
      }
    },
    ended,
    isOver: () => over,
    async saw(fits) {
      if (events.some(({ event }) => fits(event))) return true;
      return new Promise((resolve) => {
        const look = (event: OdoEvent) => fits(event) && finish(true);
        const onOver = () => finish(false);
        const finish = (answer: boolean) => {
          news.off('event', look);
          news.off('over', onOver);
          resolve(answer);
        };
        news.on('event', look);
        news.on('over', onOver);
        if (over) onOver();
      });
    },
  };
}

/** How long an undisturbed run takes, in all and from each phase's start to its end. */
export interface CleanRun {
  totalMs: number;
  phaseMs: Partial<Record<Phase, number>>;
}

export function timingOf(run: OdoRun, ending: Ending): CleanRun {
  const phaseMs: CleanRun['phaseMs'] = {};
  for (const { event } of run.events) {
    if (event.type === 'phase' && event.state === 'finished') phaseMs[event.phase] = event.elapsedMs;
  }
  return { totalMs: ending.elapsedMs, phaseMs };
}

/**
 * When a fault strikes: a share of a clean run's time after the start, or a share of a clean phase's time after that
 * phase has begun.
 */
export interface Moment {
  at: 'start' | Phase;
  share: number;
}

/** Waits for the moment; false when the run is over before. */
export async function reach(moment: Moment, run: OdoRun, clean: CleanRun): Promise<boolean> {
  const { at, share } = moment;
  if (at !== 'start') {
    const begun = await run.saw((event) => event.type === 'phase' && event.phase === at && event.state === 'started');
    if (!begun) return false;
  }
  const delayMs = share * (at === 'start' ? clean.totalMs : Math.max(clean.phaseMs[at] ?? 0, 5));
  if (delayMs >= 1) await Promise.race([sleep(delayMs), run.ended]);
  return !run.isOver();
}
