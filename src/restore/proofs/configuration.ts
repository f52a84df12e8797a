import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { decodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import { refuseHbaFaults } from '../../postgres/configuration/hba.ts';
import { type Setting, setsParameter } from '../../postgres/configuration/recovery-settings.ts';
import type { Proofs } from '../contract/proofs.ts';
import type { RestoreRequest } from '../contract/request.ts';
import { readReplacementConf } from './replacement-conf.ts';

/**
 * What the restored cluster's configuration gets besides what the backup says: read, and checked as far as that goes
 * without a server.
 */
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
  return {
    ownWordOnArchiving: replacementConf !== undefined && setsParameter(replacementConf, 'archive_mode'),
    keepArchiving,
  };
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
  const hbaConf =
    hbaFile === undefined ? undefined : await proofs.attempt('pg_hba.conf', () => provenHba(path.resolve(hbaFile)));
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
    throw new OdoError(
      'usage',
      `cannot read ${file}, which --pg-hba names (${(cause as NodeJS.ErrnoException).code})`,
      {
        hint: 'name a file that is there, or leave --pg-hba out to keep the one of the backup',
        cause,
      },
    );
  }
  refuseHbaFaults(content, file);
  return { evidence: file, value: content };
}
