import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { execa } from 'execa';

/**
 * Connections to the engine through `docker system dial-stdio`, one process each: how the docker command line itself
 * reaches an engine over ssh. The user's own ssh does the connecting, with its configuration, keys and known hosts.
 * Source: https://github.com/docker/cli/blob/master/cli/command/system/dial_stdio.go
 */
export class DialStdioAgent extends Agent {
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    super({ keepAlive: false });
    this.#env = env;
  }

  override createConnection(): Duplex {
    // Detached: a Ctrl-C of the terminal must not cut the connections that cleaning up needs.
    return execa('docker', ['system', 'dial-stdio'], {
      detached: true,
      env: this.#env,
      extendEnv: false,
      buffer: { stdout: false, stderr: true },
    }).duplex();
  }
}
