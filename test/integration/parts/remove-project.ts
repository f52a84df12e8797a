import { containersWith } from './container-facts.ts';
import { askEngine, mustAskEngine } from './engine-api.ts';

/** Removes a project's containers of all profiles, its volumes and its networks. What others still use stays. */
export async function removeProject(label: string): Promise<void> {
  const labelled = `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`;
  const containers = (await containersWith({ label: [label] })).split('\n').filter(Boolean);
  await Promise.all(containers.map((id) => askEngine('DELETE', `/containers/${id}?force=true&v=true`)));
  const { Volumes } = await mustAskEngine<{ Volumes: { Name: string }[] | null }>('GET', `/volumes?${labelled}`);
  const networks = await mustAskEngine<{ Id: string }[]>('GET', `/networks?${labelled}`);
  const rest = (Volumes ?? []).map(({ Name }) => `/volumes/${Name}`);
  rest.push(...networks.map(({ Id }) => `/networks/${Id}`));
  await Promise.all(rest.map((path) => askEngine('DELETE', path)));
}
