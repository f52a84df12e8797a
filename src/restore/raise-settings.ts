import fs from 'node:fs';
import path from 'node:path';
import { type EffectiveSettings, isOff, NO_FILES, readSettings } from '../postgres/configuration-file.ts';
import { addToBlock, removeBlock } from '../postgres/recovery-settings.ts';
import { findTooLow, type TooLow } from '../postgres/required-settings.ts';
import { majorOfPgVersionFile } from '../postgres/versions.ts';
import { writeFileDurably } from '../target/durable.ts';
import type { Place } from '../target/place.ts';
import type { RaiseFacts } from './engine.ts';
import { refuseBeaten } from './fit-configuration.ts';
import { readControlFile } from './read-control-file.ts';
import { readerOf } from './staged-configuration.ts';

const AUTO_CONF = 'postgresql.auto.conf';

/**
 * Raises what recovery demands more of than the server in place has. The original may have been restarted with more of something while the WAL was
 * written: the server that replays it notes that in pg_control before it stops or pauses over it.
 */
export function raiseSettings({ root }: Place, facts: RaiseFacts): TooLow[] {
  const control = readControlFile(root);
  const major = majorOfPgVersionFile(fs.readFileSync(path.join(root, 'PG_VERSION'), 'utf8'));
  const file = path.join(root, AUTO_CONF);
  const text = fs.readFileSync(file, 'utf8');
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
  writeFileDurably(file, raised, stat.mode & 0o7777, { uid: stat.uid, gid: stat.gid });
  return tooLow;
}

/** Whether the files in place turn archiving on, ODO's block left out; undefined when not all of them can be seen and none does. */
export function archivingConfigured({ root }: Place, facts: RaiseFacts): boolean | undefined {
  const own = removeBlock(fs.readFileSync(path.join(root, AUTO_CONF), 'utf8'));
  const { settings, isWhole } = settingsOf(root, own, facts);
  const told = settings.get('archive_mode');
  if (told !== undefined) return !isOff(told);
  return isWhole ? false : undefined;
}

function settingsOf(root: string, autoConf: string, { configElsewhere }: RaiseFacts): EffectiveSettings {
  return readSettings(configElsewhere ? NO_FILES : readerOf(root), autoConf);
}
