import fs from 'node:fs';

/**
 * The space in which process ids mean the same as here: one boot of one kernel, and one of its process namespaces.
 * undefined where there is no /proc.
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
 * When a process of this space was started, in the kernel's ticks since boot. Together with its id, this means one
 * process and no other, whatever clocks say. `gone` also for a process that has ended, but was not fetched by its
 * parent yet. `hidden` where it cannot be seen.
 */
export function startOfProcess(pid: number | 'self'): number | 'gone' | 'hidden' {
  if (pid !== 'self' && !exists(pid)) return 'gone';
  try {
    // The name of the process may hold anything, parentheses too.
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
