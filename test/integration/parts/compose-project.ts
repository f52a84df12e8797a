import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { containersWith, inspectContainer, lastWords } from './container-facts.ts';
import { askEngine } from './engine-api.ts';
import { makeVolumeWithCluster } from './first-cluster.ts';
import { mustAskServer } from './in-container.ts';
import { OWN } from './own.ts';
import { removeProject } from './remove-project.ts';
import { mustRun, until } from './run.ts';
import { answersSoon } from './server-answers.ts';
import { inVolume } from './volume-shell.ts';

let projects = 0;

/**
 * A compose project in a folder of its own: service `db` on a plain PostgreSQL image, volume `db`, and `app`, which
 * nobody may touch.
 */
export interface ComposeProject {
  name: string;
  folder: string;
  file: string;
  /** The real name of volume `db`. */
  volume: string;
  compose(...args: string[]): Promise<string>;
  /** Asks the server in service `db`. */
  sql(text: string, database?: string): Promise<string>;
  /** Starts everything and waits until the server answers. */
  up(): Promise<void>;
  containerId(service: string): Promise<string>;
  /** id and start time of a service's container: equal as long as nobody touched it. */
  identity(service: string): Promise<string>;
  /** Runs a shell script in a throwaway container over the volume, mounted at /v. */
  inVolume(script: string): Promise<string>;
  /** A digest of names, modes, owners, sizes and content of everything on the volume (of a stopped server). */
  volumeDigest(): Promise<string>;
  down(): Promise<void>;
}

export interface ProjectOptions {
  image: string;
  /** Where the volume is mounted. */
  mountAt: string;
  /** Further lines of YAML for service `db`, indented by four blanks. */
  extra?: string;
  /** Further volumes by compose's key. */
  volumes?: readonly string[];
  /** Further lines of YAML below `services:`, indented by two blanks. */
  services?: string;
  /** Variables of service `db`, besides POSTGRES_PASSWORD. */
  environment?: Readonly<Record<string, string>>;
  /** The service makes its cluster by itself; otherwise a first start finds one that has been made once for all. */
  ownCluster?: boolean;
}

/** Variables that say how a cluster is made. */
const ABOUT_THE_CLUSTER = /^(POSTGRES_|LANG$|LC_)/;
/** A volume that says how it is to be made is left to compose. */
const VOLUME_WITH_OPTIONS = /^volumes:\n {2}db:\n {4}/m;

/** Compose's own program, where it lies beside the docker command line: through that, each call is three programs. */
const COMPOSE = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec']
  .map((folder) => [`${folder}/docker/cli-plugins/docker-compose`])
  .find(([program = '']) => fs.existsSync(program)) ?? ['docker', 'compose'];

export function writeProject(options: ProjectOptions): ComposeProject {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-test-'));
  const name = `odo-test-${OWN}-${++projects}`;
  const file = path.join(folder, 'compose.yaml');
  fs.writeFileSync(
    file,
    `name: ${name}
services:
  db:
    image: ${options.image}
    environment:
${Object.entries({ POSTGRES_PASSWORD: 'test', POSTGRES_INITDB_ARGS: '--no-sync', ...options.environment })
  .map(([key, value]) => `      ${key}: "${value}"\n`)
  .join('')}\
    volumes:
      - db:${options.mountAt}
${options.extra ?? ''}
  app:
    image: ${options.image}
    entrypoint: ["sleep", "infinity"]
    init: true
    tmpfs: ["${options.mountAt}"]
${options.services ?? ''}
volumes:
  db:
${(options.volumes ?? []).map((key) => `  ${key}:\n`).join('')}`,
  );

  const compose = (...args: string[]) => {
    const [program = '', ...before] = COMPOSE;
    return mustRun(program, [...before, '--progress', 'quiet', '-f', file, ...args]);
  };
  // Compose's own exec costs thrice as much.
  const db = `${name}-db-1`;
  const volume = `${name}_db`;
  const ofProject = `com.docker.compose.project=${name}`;
  const containerId = (service: string) =>
    containersWith({ label: [ofProject, `com.docker.compose.service=${service}`, 'com.docker.compose.oneoff=False'] });
  async function giveCluster(): Promise<void> {
    const variables = Object.keys(options.environment ?? {});
    if (options.ownCluster || variables.some((key) => ABOUT_THE_CLUSTER.test(key))) return;
    if (VOLUME_WITH_OPTIONS.test(fs.readFileSync(file, 'utf8'))) return;
    if ((await askEngine('GET', `/volumes/${volume}`)).status !== 404) return;
    await makeVolumeWithCluster(volume, options.image, {
      mountAt: options.mountAt,
      pgdata: options.environment?.PGDATA,
      labels: { 'com.docker.compose.project': name, 'com.docker.compose.volume': 'db' },
    });
  }

  return {
    name,
    folder,
    file,
    volume,
    compose,
    sql: (text, database) => mustAskServer(db, text, database),
    async up() {
      await giveCluster();
      await compose('up', '-d');
      await until(
        'the service answers',
        () => answersSoon(db),
        180_000,
        () => lastWords(db),
      );
    },
    containerId,
    async identity(service) {
      const { Id, State } = await inspectContainer(await containerId(service));
      return `${Id} ${State.StartedAt}`;
    },
    inVolume: (script) => inVolume(volume, script, options.image),
    volumeDigest: () =>
      inVolume(
        volume,
        "cd /v && { find . -printf '%p %m %U:%G %y %l\\n' | sort; find . -type f -print0 | sort -z | xargs " +
          '-0 sha256sum; } | sha256sum',
        options.image,
      ),
    async down() {
      await removeProject(ofProject);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
