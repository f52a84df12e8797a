import fs from 'node:fs';
import { decodeConfiguration } from '../../postgres/configuration/configuration-text.ts';

/** The text of a configuration file; undefined when there is no regular file of that name. */
export function readIfThere(file: string): string | undefined {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isFile()
    ? decodeConfiguration(fs.readFileSync(file))
    : undefined;
}
