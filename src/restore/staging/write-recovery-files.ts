import fs from 'node:fs';
import path from 'node:path';
import { writeOwned } from '../../cluster/write-owned.ts';
import { amendmentNote } from '../../postgres/configuration/amendment.ts';
import { type EffectiveSettings, NO_FILES, readSettings } from '../../postgres/configuration/configuration-file.ts';
import { setParameters } from '../../postgres/configuration/own-settings.ts';
import {
  addBlock,
  includesOthers,
  recoverySettings,
  removeBlock,
  type Setting,
  setsParameter,
  withoutNeedless,
} from '../../postgres/configuration/recovery-settings.ts';
import { UNKNOWN_SERVER } from '../../postgres/configuration/unfit-settings.ts';
import type { PgControl } from '../../postgres/files/pg-control.ts';
import { restoreCommandFile } from '../../tree/places/place.ts';
import {
  clearSpoolSetting,
  fedRestoreCommandSetting,
  LEAVE_HISTORY_SETTING,
  RESTORE_COMMAND_SCRIPT,
  restoreCommandSetting,
} from '../../wal/feed/restore-command.ts';
import { FED_RESTORE_COMMAND_SCRIPT } from '../../wal/feed/spool-protocol.ts';
import type { LayDownJob } from '../contract/lay-down-job.ts';
import { isFed } from '../contract/lay-down-job.ts';
import { signalMark } from '../volume/used-since.ts';
import { amendFiles, majorIn } from './amend-files.ts';
import { addFitBlock, fitConfiguration, fitIdent, removeFitBlock } from './fit-configuration.ts';
import { readIfThere } from './read-if-there.ts';
import { hasSubscriptions, readEffective } from './staged-configuration.ts';
import { keepOriginal } from './staged-originals.ts';

/**
 * Writes what recovery needs into the staged directory: settings, the signal file, the restore_command's script. Makes
 * the rest of the configuration fit the server. Gives what was overridden, and why.
 */
export function writeRecoveryFiles(job: LayDownJob, incoming: string, control: PgControl): string[] {
  const pgdata = job.places.pgdata;
  const autoConf = path.join(incoming, 'postgresql.auto.conf');
  const given = removeFitBlock(removeBlock(job.configuration.replacementConf ?? readIfThere(autoConf) ?? ''));
  const hbaSettings = replaceHba(job, incoming, given);
  const amended =
    job.configuration.keepSettings || job.server.configElsewhere ? [] : amendFiles(job, incoming, control);
  const replaced = amended.filter((amendment) => amendment.do === 'set');
  const own = setParameters(given, [...(job.configuration.settings ?? []), ...hbaSettings]);
  const fit = fitConfiguration(effectiveSettings(job, incoming, own), {
    needed: control.settings,
    major: majorIn(incoming),
    facts: job.server.facts ?? UNKNOWN_SERVER,
    keepSettings: job.configuration.keepSettings ?? false,
    own: job.configuration.settings ?? [],
    isPassing: !job.recovery.unattended,
    subscribes: hasSubscriptions(incoming),
  });
  const conf = addFitBlock(own, [...fit.unfit, ...replaced]);
  const settings = recoverySettings({
    restoreCommand: isFed(job) ? fedRestoreCommandSetting(pgdata) : restoreCommandSetting(pgdata),
    recoveryEndCommand: endCommand(job),
    timeline:
      job.wal.source === 'archive' ? job.wal.recoveryTargetTimeline : job.recovery.stopAt ? 'current' : 'latest',
    ...(job.recovery.stopAt ? { stopAt: job.recovery.stopAt } : {}),
    keepArchiving: job.configuration.keepArchiving ?? false,
    ...(job.recovery.standby ? { standby: job.recovery.standby } : {}),
  });
  const whole = job.server.configElsewhere ? undefined : wholeConfiguration(incoming, conf);
  const needful = whole === undefined ? settings : withoutNeedless(settings, whole);
  writeOwned(job.owner, autoConf, addBlock(conf, [...needful, ...fit.raised]));
  writeOwned(
    job.owner,
    path.join(incoming, job.recovery.standby ? 'standby.signal' : 'recovery.signal'),
    signalMark(job),
  );
  writeOwned(job.owner, restoreCommandFile(pgdata), isFed(job) ? FED_RESTORE_COMMAND_SCRIPT : RESTORE_COMMAND_SCRIPT);
  return [...amended.map(amendmentNote), ...fit.notes, ...fitIdentFile(job, incoming)];
}

/** The recovery_end_command. A server that is left waiting needs one, since it may be promoted by hand. */
function endCommand({ recovery: { unattended, standby, stopAt }, places }: LayDownJob): string {
  if (unattended) return `${LEAVE_HISTORY_SETTING}; ${clearSpoolSetting(places.pgdata)}`;
  const isLeftWaiting = standby !== undefined || (stopAt !== undefined && stopAt.action !== 'promote');
  return isLeftWaiting ? LEAVE_HISTORY_SETTING : '';
}

/**
 * The settings of the server's configuration, without those of ODO's recovery. Files that are read from elsewhere
 * cannot be seen.
 */
function effectiveSettings(job: LayDownJob, incoming: string, autoConf: string): EffectiveSettings {
  if (!job.server.configElsewhere) return readEffective(incoming, autoConf);
  return readSettings(NO_FILES, autoConf);
}

/** Lets the server's own user in when the backup's maps know only that of another container. Gives the note on it. */
function fitIdentFile(job: LayDownJob, incoming: string): string[] {
  if (job.configuration.keepSettings || job.configuration.hbaConf !== undefined) return [];
  const file = path.join(incoming, 'pg_ident.conf');
  const fit = fitIdent(readIfThere(path.join(incoming, 'pg_hba.conf')) ?? '', readIfThere(file) ?? '');
  if (!fit) return [];
  keepOriginal(job.places.pgdata, 'pg_ident.conf');
  writeOwned(job.owner, file, fit.text);
  return [fit.note];
}

/**
 * Puts the user's pg_hba.conf in place. Gives the setting that leads to it when the configuration may lead elsewhere.
 */
function replaceHba(job: LayDownJob, incoming: string, autoConf: string): Setting[] {
  if (job.configuration.hbaConf === undefined) return [];
  writeOwned(job.owner, path.join(incoming, 'pg_hba.conf'), job.configuration.hbaConf);
  const whole = job.server.configElsewhere ? undefined : wholeConfiguration(incoming, autoConf);
  const leadsThere = whole !== undefined && !setsParameter(whole, 'hba_file');
  return leadsThere ? [] : [['hba_file', path.join(job.places.pgdata.root, 'pg_hba.conf')]];
}

/**
 * All configuration of the staged server as one text; undefined when it reads files that are not in its data directory.
 */
function wholeConfiguration(incoming: string, autoConf: string): string | undefined {
  const names = fs.readdirSync(incoming).filter((name) => name.endsWith('.conf') && name !== 'postgresql.auto.conf');
  const texts = names.map((name) => readIfThere(path.join(incoming, name)));
  if (!names.includes('postgresql.conf') || texts.includes(undefined)) return undefined;
  const whole = [...texts, removeBlock(autoConf)].join('\n');
  return includesOthers(whole) ? undefined : whole;
}
