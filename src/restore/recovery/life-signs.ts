import { lastWordsOf } from './server-log.ts';
import { hasWorked, readServerWork, type ServerWork } from './server-work.ts';

/** Notes when something last showed that a server goes on. */
export interface LifeSigns {
  /** Notes what is seen now. Text that differs from the last one is a sign of life. */
  note(sign: string): void;
  /** Notes what the processes do now. A server that works is alive, even when nothing else shows it. */
  noteWork(processes: string | undefined): void;
  wordsOf(log: string): string;
  quietForMs(): number;
}

export function createLifeSigns(now: () => number): LifeSigns {
  let last = '';
  let lastAt = now();
  let work: { seen: ServerWork; at: number } | undefined;
  return {
    note(sign) {
      if (sign === last) return;
      last = sign;
      lastAt = now();
      work = undefined;
    },
    noteWork(processes) {
      if (processes === undefined) return;
      const seen = readServerWork(processes);
      if (work !== undefined && hasWorked(work.seen, seen, now() - work.at)) lastAt = now();
      work = { seen, at: now() };
    },
    wordsOf: lastWordsOf,
    quietForMs: () => now() - lastAt,
  };
}
