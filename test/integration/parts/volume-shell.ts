import { mustRun } from './run.ts';

/** Runs a script as root in a container that has the volume at `/v`, and gives what it prints. */
export function inVolume(volume: string, script: string, image: string): Promise<string> {
  const container = ['--rm', '--network', 'none', '--entrypoint', 'sh', '-v', `${volume}:/v`];
  return mustRun('docker', ['run', ...container, image, '-c', script]);
}
