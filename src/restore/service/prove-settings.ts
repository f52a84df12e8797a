import { checkSettings } from '../../docker/containers/check-settings.ts';
import { inspectImage } from '../../docker/containers/image.ts';
import { OdoError } from '../../errors.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import type { Proofs } from '../contract/proofs.ts';
import type { Configuration } from '../proofs/configuration.ts';
import type { FoundService } from './found-service.ts';
/** The service's own server must take the settings, and nothing on its command line may beat them. */
export async function proveSettings(
  { docker, service }: FoundService,
  { settings, hbaConf }: Configuration,
  proofs: Proofs,
  signal: AbortSignal,
): Promise<void> {
  const names = [...settings.map(([name]) => name), ...(hbaConf === undefined ? [] : ['hba_file'])];
  if (names.length === 0) return;
  await proofs.attempt('settings', async () => {
    const onCommandLine = commandLineSettings(service.commandArgs);
    const beaten = names.filter((name) => onCommandLine.has(name));
    if (beaten.length > 0) {
      throw new OdoError(
        'usage',
        `the command line of service ${service.name} sets ${beaten.join(', ')}, which no configuration file ` +
          'can override',
        { hint: 'change it in the compose file instead' },
      );
    }
    const image = service.imageId ?? service.imageRef;
    // An image that is not there is told by another proof.
    if (settings.length === 0 || !(await inspectImage(docker, image))) return { evidence: names.join(', ') };
    const objection = await checkSettings(docker, image, settings, signal);
    if (objection !== undefined) {
      throw new OdoError('usage', `the server of service ${service.name} does not take what --set says: ${objection}`, {
        hint: 'correct the name or the value',
      });
    }
    return { evidence: `the service's own server takes ${names.join(', ')}` };
  });
}
