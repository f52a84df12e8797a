import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { decodeConfiguration } from '../../postgres/configuration/configuration-text.ts';

const FILE = 'postgresql.auto.conf';

/**
 * Reads the file that replaces postgresql.auto.conf: DIR's own, or that of DIR/confs.
 * Errors: `noReplacementConf` when there is none, or it cannot be read.
 */
export function readReplacementConf(directory: string): { file: string; content: string } {
  const candidates = [path.resolve(directory, FILE), path.resolve(directory, 'confs', FILE)];
  for (const file of candidates) {
    try {
      return { file, content: decodeConfiguration(fs.readFileSync(file)) };
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      throw new OdoError('noReplacementConf', `cannot read ${file} (${code})`, {
        hint: 'make it readable, or leave -c out',
        cause,
      });
    }
  }
  throw new OdoError('noReplacementConf', `there is no ${candidates.join(' and no ')}`, {
    hint: 'put the file there, name another folder with -c DIR, or leave -c out to keep the settings of the backup',
  });
}
