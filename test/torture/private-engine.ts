import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, run } from '../integration/parts/run.ts';
import { poll } from './engine.ts';

/** A Docker engine of our own, which may be ended in the middle of anything; needs root. */
export interface PrivateEngine {
  /** For DOCKER_HOST. */
  host: string;
  /** Ends dockerd by a signal and starts it again after a while; comes back when it answers. */
  restart(signal: 'SIGTERM' | 'SIGKILL', downMs: number): Promise<void>;
  remove(): Promise<void>;
}

const ANSWER_MS = 60_000;

/**
 * A bridge of its own: told to use none, dockerd would remove docker0, and with it the network of the engine that is
 * there already. The address is of no importance: nothing in these runs speaks over it.
 */
const BRIDGE = `odo-tort-${process.pid % 100_000}`;
const BRIDGE_ADDRESS = '192.168.253.1/24';

/** Starts one with its own socket and data, and copies images to it from the engine that is used otherwise. */
export async function startPrivateEngine(images: readonly string[]): Promise<PrivateEngine> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-engine-'));
  const at = (name: string) => path.join(folder, name);
  const host = `unix://${at('docker.sock')}`;
  const log = fs.openSync(at('log'), 'a');
  const begin = (program: string, args: readonly string[]) =>
    spawn(program, args, { stdio: ['ignore', log, log], detached: true });

  await mustRun('ip', ['link', 'add', BRIDGE, 'type', 'bridge']);
  await mustRun('ip', ['address', 'add', BRIDGE_ADDRESS, 'dev', BRIDGE]);
  await mustRun('ip', ['link', 'set', BRIDGE, 'up']);
  fs.writeFileSync(
    at('containerd.toml'),
    `version = 2
root = "${at('containerd')}"
state = "${at('containerd-state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${at('containerd.sock')}"
`,
  );
  const containerd = begin('containerd', ['--config', at('containerd.toml')]);
  await poll(async () => fs.existsSync(at('containerd.sock')), ANSWER_MS);
  let dockerd: ChildProcess | undefined;

  async function start(): Promise<void> {
    fs.rmSync(at('pid'), { force: true });
    dockerd = begin('dockerd', [
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '-H', host],
      ...[
        '--containerd',
        at('containerd.sock'),
        '--bridge',
        BRIDGE,
        '--iptables=false',
        '--ip-masq=false',
        '--ip-forward=false',
      ],
    ]);
    const answers = async () => (await run('docker', ['-H', host, 'version'])).code === 0;
    if (!(await poll(answers, ANSWER_MS, 100))) {
      throw new Error(`dockerd does not answer:\n${fs.readFileSync(at('log'), 'utf8').slice(-2000)}`);
    }
  }

  async function end(program: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!program || program.exitCode !== null || program.signalCode !== null) return;
    const gone = once(program, 'exit');
    program.kill(signal);
    await gone;
  }

  await start();
  await mustRun('sh', ['-c', `docker save ${images.join(' ')} | docker -H ${host} load -q`]);
  return {
    host,
    async restart(signal, downMs) {
      await end(dockerd, signal);
      await sleep(downMs);
      await start();
    },
    async remove() {
      await end(dockerd, 'SIGTERM');
      await end(containerd, 'SIGTERM');
      fs.closeSync(log);
      await run('ip', ['link', 'delete', BRIDGE]);
      for (const mount of mountsBelow(folder)) await run('umount', [mount]);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a killed dockerd has left mounted, the innermost first. */
function mountsBelow(folder: string): string[] {
  const lines = fs.readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${folder}/`))
    .reverse();
}
