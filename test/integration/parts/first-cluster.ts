import { createHash } from 'node:crypto';
import path from 'node:path';
import { inspectContainer, lastWords } from './container-facts.ts';
import { askEngine, mustAskEngine } from './engine-api.ts';
import { alone } from './made-once.ts';
import { until } from './run.ts';
import { answersSoon } from './server-answers.ts';

/** Where the cluster lies in its image, as it is to lie on a volume. */
const INSIDE = '/first-cluster';

interface Image {
  Id: string;
  Config: { Env: string[]; Labels: Record<string, string> | null };
}

/**
 * Makes a volume that holds what the image's entry point makes on an empty one: a cluster whose password is `test`.
 * To make one takes seconds of the processor, so it is made once for each image and kept as an image of its own, from
 * which the engine copies it onto the volume. All of these clusters have one system identifier.
 * @param mountAt where the service mounts the volume
 * @param pgdata the data directory in the service, when it is not where the image has it
 * @param labels of the volume
 */
export async function makeVolumeWithCluster(
  volume: string,
  image: string,
  { mountAt, pgdata, labels }: { mountAt: string; pgdata: string | undefined; labels: Record<string, string> },
): Promise<void> {
  const { Id, Config } = await mustAskEngine<Image>('GET', `/images/${image}/json`);
  const dataDirectory = pgdata ?? Config.Env.find((line) => line.startsWith('PGDATA='))?.slice('PGDATA='.length);
  if (dataDirectory === undefined) throw new Error(`${image} does not say where its data directory is`);
  const below = path.posix.relative(mountAt, dataDirectory);
  const known = createHash('sha256')
    .update(JSON.stringify([Id, mountAt, below]))
    .digest('hex')
    .slice(0, 12);
  const holder = `odo-parts/first-cluster:${known}`;
  await alone(holder, async () => {
    if ((await askEngine('GET', `/images/${holder}/json`)).status === 404) await makeHolder(holder, Id, mountAt, below);
  });
  await mustAskEngine('POST', '/volumes/create', { Name: volume, Labels: labels });
  // An empty volume takes what the image has at its place as soon as there is a container: it need not start.
  const copy = { Image: holder, HostConfig: { Binds: [`${volume}:${INSIDE}`], NetworkMode: 'host' } };
  const made = await mustAskEngine<{ Id: string }>('POST', '/containers/create', copy);
  await mustAskEngine('DELETE', `/containers/${made.Id}?v=true`);
}

async function makeHolder(holder: string, image: string, mountAt: string, below: string): Promise<void> {
  const { Id } = await mustAskEngine<{ Id: string }>('POST', '/containers/create', {
    Image: image,
    Env: ['POSTGRES_PASSWORD=test', 'POSTGRES_INITDB_ARGS=--no-sync', `PGDATA=${path.posix.join(INSIDE, below)}`],
    Entrypoint: ['sh', '-c', `[ ! -d "$0" ] || cp -a "$0" ${INSIDE}; exec docker-entrypoint.sh postgres`, mountAt],
    Cmd: [],
  });
  try {
    await mustAskEngine('POST', `/containers/${Id}/start`);
    await until(
      `the first cluster of ${holder} answers`,
      () => answersSoon(Id),
      180_000,
      () => lastWords(Id),
    );
    await mustAskEngine('POST', `/containers/${Id}/stop?t=60`);
    const { State } = await inspectContainer(Id);
    if (State.ExitCode !== 0) throw new Error(`${holder}: the server did not end well\n${await lastWords(Id)}`);
    const [repo, tag] = holder.split(':') as [string, string];
    await mustAskEngine('POST', `/commit?${new URLSearchParams({ container: Id, repo, tag })}`, {});
  } finally {
    await askEngine('DELETE', `/containers/${Id}?force=true&v=true`);
  }
}
