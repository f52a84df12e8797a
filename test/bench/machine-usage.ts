import fs from 'node:fs';
import Docker from 'dockerode';

/** CPU seconds that the whole machine has spent since it came up, without those of the S3 server. */
export async function machineCpuSeconds(): Promise<number> {
  const stats = (await new Docker()
    .getContainer(process.env.ODO_S3_NAME || 'odo-parts-s3')
    .stats({ stream: false, 'one-shot': true })) as Docker.ContainerStats;
  return parseBusySeconds(fs.readFileSync('/proc/stat', 'utf8')) - stats.cpu_stats.cpu_usage.total_usage / 1e9;
}

const TICKS_PER_SECOND = 100;

/**
 * Reads the first line of /proc/stat (see proc(5)): everything but idle, waiting for a disk, and what a hypervisor
 * took.
 */
export function parseBusySeconds(procStat: string): number {
  const [, user, nice, system, , , irq, softirq] = (procStat.split('\n')[0] ?? '').split(/\s+/).map(Number);
  const ticks = [user, nice, system, irq, softirq].reduce<number>((sum, value) => sum + (value ?? Number.NaN), 0);
  if (Number.isNaN(ticks)) throw new Error(`/proc/stat begins with ${procStat.slice(0, 80)}`);
  return ticks / TICKS_PER_SECOND;
}
