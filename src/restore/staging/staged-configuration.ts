import fs from 'node:fs';
import path from 'node:path';
import { CONTROL_FILE } from '../../cluster/base-members.ts';
import type { Amendment } from '../../postgres/configuration/amendment.ts';
import {
  type ConfigurationReader,
  commentOut,
  type EffectiveSettings,
  parseConfiguration,
  readSettings,
} from '../../postgres/configuration/configuration-file.ts';
import { decodeConfiguration, encodeConfiguration } from '../../postgres/configuration/configuration-text.ts';
import { removeBlock, type Setting } from '../../postgres/configuration/recovery-settings.ts';
import {
  type CatalogDatabase,
  fileOfCatalog,
  PG_DATABASE_OID,
  PG_SUBSCRIPTION_OID,
  readDatabases,
} from '../../postgres/files/database-catalog.ts';
import { parsePgControl } from '../../postgres/files/pg-control.ts';
import { majorOfPgVersionFile } from '../../postgres/terms/versions.ts';
import { incomingDir } from '../../tree/places/place.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { StagedConfiguration } from '../contract/staged-configuration.ts';
import { addFitBlock, readFitBlock, removeFitBlock } from './fit-configuration.ts';
import { collectMembers, readMember } from './staged-members.ts';
import { keepOriginal } from './staged-originals.ts';

const AUTO_CONF = 'postgresql.auto.conf';
/** Usual names of directories with logs, of which there may be many. */
const LOGS = ['log', 'pg_log'];

/** Reads what was laid down as far as it is configuration, for a server that is to be tried on it. */
export function readStaged({ pgdata }: ClusterPlaces): StagedConfiguration {
  const incoming = incomingDir(pgdata);
  const major = majorOfPgVersionFile(readText(incoming, 'PG_VERSION') ?? '');
  const bytes = readIfThere(incoming, CONTROL_FILE);
  const control = parsePgControl(bytes ?? Buffer.alloc(0));
  // The settings for the recovery only hide those with which the server has to start ever after.
  const lasting = removeBlock(readText(incoming, AUTO_CONF) ?? '');
  const { settings, isWhole, files = [], unread } = readEffective(incoming, lasting);
  const logs = new Set([...LOGS, settings.get('log_directory') ?? '']);
  const { members, leftOut } = collectMembers(incoming, logs);
  const own = ['PG_VERSION', CONTROL_FILE].flatMap((name) => readMember(incoming, name) ?? []);
  return {
    members: [...own, ...members],
    leftOut,
    ownSettings: parseConfiguration(lasting),
    effective: { settings: [...settings], isWhole, files, unread },
    major,
    control: control.settings,
    databases: findDatabases(incoming, control.blockSizeBytes, major),
  };
}

/**
 * Files that were left out, and of which the configuration speaks. Without them nothing can be said of a server that
 * does not start.
 */
export function missesOf({ leftOut, effective: { settings, files } }: StagedConfiguration): string[] {
  const named = [...files, ...settings.map(([, value]) => value)];
  return leftOut.filter((path) => path === '' || path.endsWith('.conf') || named.some((value) => value.includes(path)));
}

/** The settings of the staged server's configuration. Files that cannot be read, or that lie elsewhere, are named. */
export function readEffective(incoming: string, autoConf = readText(incoming, AUTO_CONF) ?? ''): EffectiveSettings {
  return readSettings(readerOf(incoming), autoConf);
}

export function readerOf(incoming: string): ConfigurationReader {
  return {
    read: (file) => readText(incoming, file),
    list(directory) {
      const there = fs.lstatSync(path.join(incoming, directory), { throwIfNoEntry: false });
      return there?.isDirectory() ? fs.readdirSync(path.join(incoming, directory)) : undefined;
    },
  };
}

/** Changes the staged configuration; `write` puts a file there. */
export function amendStaged(
  { pgdata }: ClusterPlaces,
  amendments: readonly Amendment[],
  write: (file: string, content: string) => void,
): void {
  const incoming = incomingDir(pgdata);
  const { files = [] } = readEffective(incoming);
  const set = amendments.filter((amendment) => amendment.do === 'set');
  for (const amendment of amendments) {
    if (amendment.do === 'make') {
      keepOriginal(pgdata, amendment.file);
      write(path.join(incoming, amendment.file), amendment.content);
    }
    if (amendment.do !== 'drop' && amendment.do !== 'exclude') continue;
    const isMeant = ([name, value]: Setting) =>
      amendment.do === 'drop' ? name === amendment.name : value === amendment.value && name.startsWith('include');
    for (const file of [...new Set([...files, AUTO_CONF])]) {
      const before = readText(incoming, file) ?? '';
      const text = commentOut(before, isMeant);
      if (text === undefined) continue;
      // The original is kept without ODO's additions, which are written anew each time, and may hold a password.
      keepOriginal(
        pgdata,
        file,
        file === AUTO_CONF ? encodeConfiguration(removeFitBlock(removeBlock(before))) : undefined,
      );
      write(path.join(incoming, file), text);
    }
  }
  if (set.length === 0) return;
  const conf = readText(incoming, AUTO_CONF) ?? '';
  const before = readFitBlock(conf).filter(({ name }) => !set.some((one) => one.name === name));
  write(path.join(incoming, AUTO_CONF), addFitBlock(conf, [...before, ...set]));
}

/** Whether the backup has subscriptions, as far as its own files tell. */
export function hasSubscriptions(incoming: string): boolean {
  const file = fileOfCatalog(readIfThere(incoming, 'global/pg_filenode.map'), PG_SUBSCRIPTION_OID);
  return (fs.statSync(path.join(incoming, 'global', file), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function findDatabases(incoming: string, blockBytes: number, major: number): CatalogDatabase[] {
  const file = fileOfCatalog(readIfThere(incoming, 'global/pg_filenode.map'), PG_DATABASE_OID);
  const pages = readIfThere(incoming, `global/${file}`);
  return pages === undefined ? [] : readDatabases(pages, blockBytes, major);
}

function readIfThere(incoming: string, relative: string): Buffer | undefined {
  const file = path.join(incoming, relative);
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() ? fs.readFileSync(file) : undefined;
}

/** Nothing is read through a link, nor outside of the directory. */
function readText(incoming: string, relative: string): string | undefined {
  if (relative.split('/').includes('..')) return undefined;
  const bytes = readIfThere(incoming, relative);
  return bytes && decodeConfiguration(bytes);
}
