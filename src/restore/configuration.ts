import fs from 'node:fs';
import path from 'node:path';
import { checkSettings } from '../docker/check-settings.ts';
import { inspectImage } from '../docker/image.ts';
import { OdoError } from '../errors.ts';
import { decodeConfiguration } from '../postgres/configuration-text.ts';
import { refuseHbaFaults } from '../postgres/hba.ts';
import { commandLineSettings, type Setting, setsParameter } from '../postgres/recovery-settings.ts';
import type { Proofs } from './proofs.ts';
import type { FoundService } from './prove-service.ts';
import { readReplacementConf } from './replacement-conf.ts';
import type { RestoreRequest } from './request.ts';

/** What the restored cluster's configuration gets besides what the backup says: read, and checked as far as that goes without a server. */
export interface Configuration {
  /** The content of postgresql.auto.conf. */
  replacementConf?: string;
  settings: Setting[];
  /** The content of pg_hba.conf. */
  hbaConf?: string;
  keepArchiving: boolean;
}

/** What becomes of archiving after the promotion. */
export interface Archiving {
  /** The replaced configuration speaks of archive_mode: that is the user's own word on it. */
  ownWordOnArchiving: boolean;
  keepArchiving: boolean;
}

export function archivingOf({ replacementConf, keepArchiving }: Configuration): Archiving {
  return { ownWordOnArchiving: replacementConf !== undefined && setsParameter(replacementConf, 'archive_mode'), keepArchiving };
}

/** Reads the files that the request names. */
export async function proveConfiguration(request: RestoreRequest, proofs: Proofs): Promise<Configuration> {
  const { replaceConf, hbaFile, settings, archiveMode } = request;
  const replacementConf =
    replaceConf === undefined
      ? undefined
      : await proofs.attempt('replacement conf', () => {
          const { file, content } = readReplacementConf(replaceConf);
          return { evidence: file, value: content };
        });
  const hbaConf = hbaFile === undefined ? undefined : await proofs.attempt('pg_hba.conf', () => provenHba(path.resolve(hbaFile)));
  return {
    settings: [...settings],
    keepArchiving: archiveMode === 'keep',
    ...(replacementConf === undefined ? {} : { replacementConf }),
    ...(hbaConf === undefined ? {} : { hbaConf }),
  };
}

function provenHba(file: string) {
  let content: string;
  try {
    content = decodeConfiguration(fs.readFileSync(file));
  } catch (cause) {
    throw new OdoError('usage', `cannot read ${file}, which --pg-hba names (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'name a file that is there, or leave --pg-hba out to keep the one of the backup',
      cause,
    });
  }
  refuseHbaFaults(content, file);
  return { evidence: file, value: content };
}

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
        `the command line of service ${service.name} sets ${beaten.join(', ')}, which no configuration file can override`,
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
