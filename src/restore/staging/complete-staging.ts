import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE, REQUIRED_DIRECTORIES } from '../../cluster/base-members.ts';
import { asRoot, writeOwned } from '../../cluster/write-owned.ts';
import { OdoError } from '../../errors.ts';
import { type Amendment, amendmentNote } from '../../postgres/configuration/amendment.ts';
import { type EffectiveSettings, NO_FILES, readSettings } from '../../postgres/configuration/configuration-file.ts';
import { decodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import {
  MADE_HBA,
  madeConfiguration,
  NO_CONFIGURATION,
  NO_HBA,
} from '../../postgres/configuration/made-configuration.ts';
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
import { type PgControl, parsePgControl } from '../../postgres/files/pg-control.ts';
import { formatTablespaceMap, parseTablespaceMap, relocate } from '../../postgres/files/tablespace-map.ts';
import { demandKnownMajor, majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { layoutOf } from '../../tree/places/layout.ts';
import { heldControlFile, incomingDir, restoreCommandFile } from '../../tree/places/place.ts';
import { checkIncludedWal } from '../../wal/archive/check-included.ts';
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
import { addFitBlock, fitConfiguration, fitIdent, removeFitBlock } from './fit-configuration.ts';
import { amendStaged, hasSubscriptions, readEffective } from './staged-configuration.ts';
import { keepOriginal, putOriginalsBack } from './staged-originals.ts';

/**
 * Makes a startable data directory of the laid-down files: checks them, adds what recovery needs, makes the
 * configuration fit the server, and last of all puts pg_control in place. Gives what of the configuration was
 * overridden, and why.
 */
export function completeStaging(job: LayDownJob): string[] {
  const incoming = incomingDir(job.places.pgdata);
  putOriginalsBack(job.places.pgdata, job.owner);
  holdControlFileAgain(job, incoming);
  checkMajor(job, incoming);
  checkLabel(job, incoming);
  const control = checkControlFile(job);
  for (const name of REQUIRED_DIRECTORIES) ensureDirectory(job, path.join(incoming, name));
  if (job.wal.source === 'included') checkIncludedWal(job.backup, path.join(incoming, 'pg_wal'));
  placeTablespaces(job, incoming);
  const overridden = writeRecoveryFiles(job, incoming, control);
  // A server refuses a data directory with any other mode than these two.
  fs.chmodSync(incoming, fs.statSync(incoming).mode & 0o050 ? 0o750 : 0o700);
  fs.renameSync(heldControlFile(job.places.pgdata), path.join(incoming, CONTROL_FILE));
  const { walLink } = layoutOf(job.places.pgdata);
  return walLink === undefined ? overridden : [...overridden, walNote(walLink)];
}

function walNote(link: string): string {
  return (
    `pg_wal was a link to ${link}, and is a directory in the data directory now; the WAL that lies there ` +
    `belongs to the old data. To have it there again: stop the server, move pg_wal's content to an empty ` +
    'directory on that disk, and put a link to it in its place'
  );
}

/** Takes pg_control out of place again, where an interrupted run may have put it. Everything here can be done twice. */
function holdControlFileAgain(job: LayDownJob, incoming: string): void {
  const held = heldControlFile(job.places.pgdata);
  const inPlace = path.join(incoming, CONTROL_FILE);
  if (!fs.existsSync(held) && fs.existsSync(inPlace)) fs.renameSync(inPlace, held);
}

function checkMajor(job: LayDownJob, incoming: string): void {
  const text = readIfThere(path.join(incoming, 'PG_VERSION'));
  if (text === undefined) throw incomplete(job, 'it has no PG_VERSION file');
  const major = majorOfPgVersionFile(text);
  demandKnownMajor(major, `backup ${job.backup.id}`);
  if (job.server.postgresMajor !== undefined && major !== job.server.postgresMajor) {
    throw new OdoError(
      'versionMismatch',
      `backup ${job.backup.id} is of PostgreSQL ${major}, the service runs ${job.server.postgresMajor}`,
      {
        hint: `set the service's image to PostgreSQL ${major}`,
      },
    );
  }
}

/**
 * Without backup_label a server would take the copy for a crashed one and start from the wrong checkpoint, silently
 * corrupt.
 */
function checkLabel(job: LayDownJob, incoming: string): void {
  if (!fs.existsSync(path.join(incoming, 'backup_label'))) throw incomplete(job, 'it has no backup_label file');
}

function checkControlFile(job: LayDownJob): PgControl {
  const file = heldControlFile(job.places.pgdata);
  if (!fs.existsSync(file)) throw incomplete(job, `it has no ${CONTROL_FILE} file`);
  const control = parsePgControl(fs.readFileSync(file));
  const { systemIdentifier } = control;
  const expected = job.backup.systemIdentifier;
  if (expected !== undefined && systemIdentifier !== expected) {
    throw new OdoError(
      'dataCorrupt',
      `backup ${job.backup.id} says system identifier ${expected}, its pg_control ${systemIdentifier}`,
      {
        hint: 'the repository mixes files of two clusters; choose another backup with --backup',
      },
    );
  }
  return control;
}

/** pg_basebackup leaves a map, which the server turns into links; for other backups the links are made here. */
function placeTablespaces(job: LayDownJob, incoming: string): void {
  const mapFile = path.join(incoming, 'tablespace_map');
  // Tablespaces that replay creates get their links from it.
  const own = job.places.tablespaces.filter(({ isLater }) => !isLater);
  const locations = new Map(own.map(({ oid, place }) => [oid, place.root]));
  const map = readIfThere(mapFile);
  if (map !== undefined) {
    writeOwned(job.owner, mapFile, formatTablespaceMap(relocate(parseTablespaceMap(map), locations)));
    return;
  }
  for (const [oid, location] of locations) {
    const link = path.join(incoming, 'pg_tblspc', String(oid));
    fs.rmSync(link, { force: true });
    fs.symlinkSync(location, link);
    if (asRoot() && job.owner) fs.lchownSync(link, job.owner.uid, job.owner.gid);
  }
}

function writeRecoveryFiles(job: LayDownJob, incoming: string, control: PgControl): string[] {
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

/**
 * Takes out of the configuration files what the server would obey before it reads postgresql.auto.conf, and makes files
 * that the backup lacks. Gives all amendments, to be told; those that set something are still to be written. Files
 * elsewhere are judged by the rehearsal, if there is one.
 */
function amendFiles(job: LayDownJob, incoming: string, control: PgControl): Amendment[] {
  const { settings, unread = [] } = readEffective(incoming);
  const amendments: Amendment[] = [];
  const dataDirectory = settings.get('data_directory');
  if (
    dataDirectory !== undefined &&
    path.posix.normalize(`${dataDirectory}/`) !== path.posix.normalize(`${job.places.pgdata.root}/`)
  ) {
    const why = `the data directory is ${job.places.pgdata.root} here`;
    amendments.push({ do: 'drop', name: 'data_directory', was: dataDirectory, why });
  }
  for (const { value, path: file, isOutside } of unread) {
    // Only the server itself can follow a link, or see what is mounted there.
    if (!isOutside && !isThere(job, incoming, file)) {
      amendments.push({ do: 'exclude', value, why: 'the backup does not hold it' });
    }
  }
  amendments.push(...makeWhatLacks(job, incoming, control, settings.get('hba_file')));
  const ofFiles = amendments.filter((amendment) => amendment.do !== 'set');
  amendStaged(job.places, ofFiles, (file, content) => writeOwned(job.owner, file, content));
  return amendments;
}

function majorIn(incoming: string): number {
  return majorOfPgVersionFile(readIfThere(path.join(incoming, 'PG_VERSION')) ?? '');
}

function makeWhatLacks(
  job: LayDownJob,
  incoming: string,
  control: PgControl,
  hbaFile: string | undefined,
): Amendment[] {
  const { root } = job.places.pgdata;
  const amendments: Amendment[] = [];
  if (!isThere(job, incoming, 'postgresql.conf')) {
    const content = madeConfiguration(control.settings, majorIn(incoming));
    amendments.push({ do: 'make', file: 'postgresql.conf', content, why: NO_CONFIGURATION });
  }
  if (job.configuration.hbaConf !== undefined) return amendments;
  if (hbaFile === undefined && !isThere(job, incoming, 'pg_hba.conf')) {
    amendments.push({ do: 'make', file: 'pg_hba.conf', content: MADE_HBA, why: NO_HBA });
  }
  const isElsewhere = hbaFile !== undefined && path.resolve('/', hbaFile) !== path.join(root, 'pg_hba.conf');
  // Whether a server in Docker will find the file, only its rehearsal can tell.
  if (
    isElsewhere &&
    job.server.facts === undefined &&
    !fs.existsSync(hbaFile) &&
    isThere(job, incoming, 'pg_hba.conf')
  ) {
    const value = path.join(root, 'pg_hba.conf');
    amendments.push({ do: 'set', name: 'hba_file', was: hbaFile, value, why: `${hbaFile} is not there` });
  }
  return amendments;
}

/** Whether the server will find a file of this name: the staged one, or one that is mounted there. */
function isThere(job: LayDownJob, incoming: string, name: string): boolean {
  const mounted = path.join(job.places.pgdata.root, name);
  const { mounts = [] } = job.server.facts ?? {};
  const isMounted = mounts.some(
    (mount) => mount === mounted || (mount.startsWith(`${job.places.pgdata.root}/`) && mounted.startsWith(`${mount}/`)),
  );
  return isMounted || fs.lstatSync(path.join(incoming, name), { throwIfNoEntry: false }) !== undefined;
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

function ensureDirectory(job: LayDownJob, directory: string): void {
  if (!fs.existsSync(directory)) fs.mkdirSync(directory, { mode: 0o700 });
  // Also for a directory that is there: an interrupted run may have made it and not come to this.
  if (asRoot() && job.owner) fs.chownSync(directory, job.owner.uid, job.owner.gid);
}

function readIfThere(file: string): string | undefined {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isFile()
    ? decodeConfiguration(fs.readFileSync(file))
    : undefined;
}

function incomplete(job: LayDownJob, what: string): OdoError {
  return new OdoError('backupIncomplete', `backup ${job.backup.id} cannot be restored: ${what}`, {
    hint: 'choose another backup with --backup',
  });
}
