import { askEngine, mustAskEngine, splitStreams } from './engine-api.ts';

/** Runs a script as root in a container that has the volume at `/v`, and gives what it prints. */
export async function inVolume(volume: string, script: string, image: string): Promise<string> {
  const { Id } = await mustAskEngine<{ Id: string }>('POST', '/containers/create', {
    Image: image,
    Entrypoint: ['sh'],
    Cmd: ['-c', script],
    // A network of its own costs more than all the rest, and no script here speaks to one.
    HostConfig: { Binds: [`${volume}:/v`], NetworkMode: 'host', LogConfig: { Type: 'json-file' } },
  });
  try {
    await mustAskEngine('POST', `/containers/${Id}/start`);
    const { StatusCode } = await mustAskEngine<{ StatusCode: number }>('POST', `/containers/${Id}/wait`);
    const log = await askEngine('GET', `/containers/${Id}/logs?stdout=true&stderr=true`);
    const { stdout, stderr } = splitStreams(log.body);
    if (StatusCode !== 0) throw new Error(`on ${volume}: ${script} ended with ${StatusCode}\n${stdout}\n${stderr}`);
    return stdout.replace(/\n$/, '');
  } finally {
    await askEngine('DELETE', `/containers/${Id}?force=true&v=true`);
  }
}
