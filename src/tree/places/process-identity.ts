import fs from 'node:fs';

/**
 * Where process ids mean the same as here: one boot of one kernel, and one of its process namespaces. undefined where
 * there is no /proc.
 */
export function processSpace(): string | undefined {
  try {
    return (
      `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ` +
      `${fs.readlinkSync('/proc/self/ns/pid')}`
    );
  } catch {
    return undefined;
  }
}

/**
 * When a process of this space was started, in the kernel's ticks since boot: with its id, that is one process and no
 * other, whatever clocks say. `gone` also for one that has ended and was not fetched by its parent yet; `hidden` where
 * it cannot be seen.
 */
export function startOfProcess(pid: number | 'self'): number | 'gone' | 'hidden' {
  if (pid !== 'self' && !exists(pid)) return 'gone';
  try {
    // Its name may hold anything, parentheses too.
    const [, fields = ''] = /^.*\) (.*)$/s.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    const [state = '', ...rest] = fields.trim().split(' ');
    return state === 'Z' || state === 'X' ? 'gone' : Number(rest[18]);
  } catch {
    return 'hidden';
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
