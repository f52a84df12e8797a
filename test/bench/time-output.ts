/** What a program and everything that it waited for has used. */
export interface Usage {
  seconds: number;
  /** User and system time of the whole process tree; absent where it was not measured. */
  cpuSeconds?: number;
  /** Of the largest process of the tree. */
  peakMemoryBytes?: number;
}

/** What GNU time is told to write: elapsed, user and system seconds, and the largest resident set in KiB. */
export const TIME_FORMAT = '%e %U %S %M';

/** Reads the last line of what GNU time has written; before it may stand that the program has failed. */
export function parseTimeOutput(text: string): Usage {
  const line = text.trim().split('\n').at(-1) ?? '';
  if (!/^\d+(\.\d+)?( \d+(\.\d+)?){3}$/.test(line)) throw new Error(`GNU time wrote: ${JSON.stringify(text)}`);
  const [seconds, user, system, peakKib] = line.split(' ').map(Number) as [number, number, number, number];
  return { seconds, cpuSeconds: user + system, peakMemoryBytes: peakKib * 1024 };
}
