import { Duplex } from 'node:stream';
import type { DockerEngine } from '../../../src/docker/client/engine.ts';

/** A program that is to be run in a container. */
export interface FakeExec {
  container: string;
  argv: string[];
  user: string | undefined;
  env: Record<string, string>;
  /** What it is given on its stdin. */
  input?: string;
}

/** How it ends; an Error is what the engine answers in its place. */
export type FakeOutcome = { exitCode?: number; stdout?: string; stderr?: string } | Error;

export interface FakeContainer {
  running?: boolean;
  paused?: boolean;
  exitCode?: number;
  restarting?: boolean;
  labels?: Record<string, string>;
  env?: string[];
  args?: string[];
  stopTimeoutSeconds?: number;
  log?: string | Error;
  /** What inspecting, starting or stopping it fails with. */
  faults?: { inspect?: Error; start?: Error; stop?: Error };
}

/** As dockerode throws what the engine answers. */
export function answered(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode, json: { message } });
}

/** As dockerode throws when nobody answers. */
export function unanswered(): Error {
  return Object.assign(new Error('connect ECONNREFUSED /var/run/docker.sock'), { code: 'ECONNREFUSED' });
}

/** An engine in memory; `calls` says what was done to the containers. */
export function fakeDocker(
  containers: Record<string, FakeContainer>,
  run: (exec: FakeExec) => FakeOutcome | Promise<FakeOutcome> = () => ({}),
) {
  const calls: string[] = [];
  const execs: FakeExec[] = [];

  function existing(id: string): FakeContainer {
    const container = containers[id];
    if (!container) throw answered(404, `No such container: ${id}`);
    return container;
  }

  const getContainer = (id: string) => ({
    async inspect() {
      const {
        running = true,
        paused = false,
        exitCode = 0,
        restarting = false,
        labels = {},
        env = [],
        args = [],
        faults,
        ...more
      } = existing(id);
      if (faults?.inspect) throw faults.inspect;
      return {
        Id: id,
        Name: `/${id}`,
        Image: 'sha256:image',
        Args: args,
        Mounts: [],
        RestartCount: 0,
        State: {
          Running: running,
          Paused: paused,
          Restarting: restarting,
          ExitCode: exitCode,
          OOMKilled: false,
          StartedAt: '2026-11-21T10:00:00Z',
        },
        Config: { Image: 'postgres:17', Labels: labels, Env: env, Tty: false, StopTimeout: more.stopTimeoutSeconds },
        HostConfig: {},
      };
    },
    async start() {
      const container = existing(id);
      if (container.faults?.start) throw container.faults.start;
      calls.push(`start ${id}`);
      container.running = true;
    },
    async stop({ t }: { t: number }) {
      const container = existing(id);
      if (container.faults?.stop) throw container.faults.stop;
      calls.push(`stop ${id} ${t}`);
      container.running = false;
    },
    async logs() {
      const { log = '' } = existing(id);
      if (log instanceof Error) throw log;
      return frame(1, log);
    },
    async exec(options: { Cmd: string[]; User?: string; Env: string[] }) {
      if (!(existing(id).running ?? true)) throw answered(409, `container ${id} is not running`);
      const env = Object.fromEntries(options.Env.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
      const exec: FakeExec = { container: id, argv: options.Cmd, user: options.User, env };
      execs.push(exec);
      const outcome = await run(exec);
      if (outcome instanceof Error) throw outcome;
      return {
        async start() {
          const output = new Duplex({
            read: () => undefined,
            write(chunk, _encoding, done) {
              exec.input = (exec.input ?? '') + chunk;
              done();
            },
          });
          output.push(frame(1, outcome.stdout ?? ''));
          output.push(frame(2, outcome.stderr ?? ''));
          output.push(null);
          return output;
        },
        inspect: async () => ({ ExitCode: outcome.exitCode ?? 0 }),
      };
    },
  });

  const docker = {
    docker: {
      getContainer,
      async listContainers({ all = false, filters }: { all?: boolean; filters?: { label: string[] } } = {}) {
        const wanted = (filters?.label ?? []).map((label) => label.split('='));
        return Object.entries(containers)
          .filter(([, { running = true }]) => all || running)
          .filter(([, { labels }]) => wanted.every(([name, value]) => (labels?.[name ?? ''] ?? 'False') === value))
          .map(([Id]) => ({ Id }));
      },
      getImage: () => ({
        inspect: async () => ({ Id: 'sha256:image', Config: { Env: ['PGDATA=/var/lib/postgresql/data'] } }),
      }),
    },
  } as unknown as DockerEngine;
  return { docker, calls, execs, containers };
}

/** The labels by which compose knows a service's container. */
export const serviceLabels = (service: string, project = 'shop') => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
});

/** A frame of the engine's multiplexed stream. */
function frame(stream: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(bytes.length, 4);
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.concat([header, bytes]);
}
