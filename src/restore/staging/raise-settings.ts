import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import { readControlFile } from '../../cluster/read-control-file.ts';
import { OdoError } from '../../errors.ts';
import {
  type EffectiveSettings,
  isOff,
  NO_FILES,
  readSettings,
} from '../../postgres/configuration/configuration-file.ts';
import { decodeConfiguration, encodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import { addToBlock, removeBlock } from '../../postgres/configuration/recovery-settings.ts';
import { findTooLow, type TooLow } from '../../postgres/configuration/required-settings.ts';
import { majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { writeFileDurably } from '../../tree/places/durable.ts';
import { translateFsError } from '../../tree/places/fs-errors.ts';
import type { Place } from '../../tree/places/place.ts';
import type { RaiseFacts } from '../contract/jobs.ts';
import { refuseBeaten } from './fit-configuration.ts';
import { readerOf } from './staged-configuration.ts';

const AUTO_CONF = 'postgresql.auto.conf';

/**
 * Raises settings of which recovery demands more than the server in place has. The original may have been restarted
 * with a higher value while the WAL was written. The server that replays that WAL notes the value in pg_control before
 * it stops or pauses over it. Gives the raised settings.
 * Errors: `dataCorrupt` when a file cannot be read. `serviceNotFound` when the service's command line sets the value,
 * which cannot be raised.
 */
export function raiseSettings({ root }: Place, facts: RaiseFacts): TooLow[] {
  const control = reading(path.join(root, CONTROL_FILE), () => readControlFile(root));
  const major = majorOfPgVersionFile(mustRead(path.join(root, 'PG_VERSION')));
  const file = path.join(root, AUTO_CONF);
  const text = mustRead(file);
  const { settings, isWhole } = settingsOf(root, text, facts);
  const inForce = new Map([...settings, ...Object.entries(facts.commandLine)]);
  const tooLow = findTooLow(control.settings, { settings: inForce, isWhole }, major);
  if (tooLow.length === 0) return [];
  refuseBeaten(tooLow, facts);
  const stat = fs.statSync(file);
  const raised = addToBlock(
    text,
    tooLow.map(({ name, needed }) => [name, String(needed)]),
  );
  try {
    writeFileDurably(file, encodeConfiguration(raised), stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
  } catch (error) {
    throw translateFsError(error, file);
  }
  return tooLow;
}

/**
 * Whether the files in place turn archiving on, ODO's block left out. Gives undefined when not all files can be seen,
 * and none of them sets archive_mode.
 */
export function archivingConfigured({ root }: Place, facts: RaiseFacts): boolean | undefined {
  const file = path.join(root, AUTO_CONF);
  // A server does not need this file.
  const own = fs.existsSync(file) ? removeBlock(mustRead(file)) : '';
  const { settings, isWhole } = settingsOf(root, own, facts);
  const told = settings.get('archive_mode');
  if (told !== undefined) return !isOff(told);
  return isWhole ? false : undefined;
}

function mustRead(file: string): string {
  return reading(file, () => decodeConfiguration(fs.readFileSync(file)));
}

function reading<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OdoError || !(error instanceof Error) || !('code' in error)) throw error;
    throw new OdoError('dataCorrupt', `cannot read ${file} (${error.code})`, {
      hint: 'see who else works on the data directory',
      cause: error,
    });
  }
}

function settingsOf(root: string, autoConf: string, { configElsewhere }: RaiseFacts): EffectiveSettings {
  return readSettings(configElsewhere ? NO_FILES : readerOf(root), autoConf);
}
