import { askEngine, mustAskEngine, refusal, splitStreams } from './engine-api.ts';

/** What the tests ask of the engine's description of a container. */
export interface ContainerFacts {
  Id: string;
  RestartCount: number;
  State: { Running: boolean; StartedAt: string; ExitCode: number };
}

export function inspectContainer(container: string): Promise<ContainerFacts> {
  return mustAskEngine('GET', `/containers/${container}/json`);
}

/** Ids of the containers, running or not, that all these filters of `docker ps` hold for, each in a line. */
export async function containersWith(filters: Record<string, readonly string[]>): Promise<string> {
  const query = new URLSearchParams({ all: 'true', filters: JSON.stringify(filters) });
  const found = await mustAskEngine<{ Id: string }[]>('GET', `/containers/json?${query}`);
  return found.map(({ Id }) => Id).join('\n');
}

/** What a container is doing, and the end of what it has written. */
export async function lastWords(container: string): Promise<string> {
  const about = await askEngine('GET', `/containers/${container}/json`);
  if (about.status !== 200) return refusal(about.body);
  const { State } = JSON.parse(about.body.toString('utf8')) as ContainerFacts;
  const log = await askEngine('GET', `/containers/${container}/logs?stdout=true&stderr=true&tail=30`);
  const { stdout, stderr } = log.status === 200 ? splitStreams(log.body) : { stdout: '', stderr: refusal(log.body) };
  return [JSON.stringify(State), stdout, stderr].join('\n').trim();
}
