import { describe, expect, it } from 'vitest';
import { parseBusySeconds } from '../../bench/machine-usage.ts';
import { parseTimeOutput } from '../../bench/time-output.ts';

describe('parseTimeOutput', () => {
  it('adds user and system seconds, and counts bytes', () => {
    expect(parseTimeOutput('12.34 10.50 1.25 2048\n')).toEqual({
      seconds: 12.34,
      cpuSeconds: 11.75,
      peakMemoryBytes: 2048 * 1024,
    });
  });

  it('looks at the last line', () => {
    expect(parseTimeOutput('Command exited with non-zero status 1\n0.10 0.00 0.00 1000\n').seconds).toBe(0.1);
  });

  it('refuses anything else', () => {
    expect(() => parseTimeOutput('')).toThrow('GNU time wrote');
    expect(() => parseTimeOutput('1.0 2.0 3.0')).toThrow('GNU time wrote');
  });
});

describe('parseBusySeconds', () => {
  it('leaves out idle, iowait and steal', () => {
    expect(parseBusySeconds('cpu  100 20 300 99999 8888 7 13 5555 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n')).toBe(4.4);
  });

  it('refuses anything else', () => {
    expect(() => parseBusySeconds('nonsense')).toThrow('/proc/stat begins with');
  });
});
