import { OdoError } from '../../errors.ts';
import { mapLimit } from '../../map-limit.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { barman } from '../barman/barman.ts';
import { basebackup } from '../basebackup/basebackup.ts';
import { parentPrefix } from '../contract/folder-name.ts';
import type {
  BackupFacts,
  Content,
  Format,
  FormatName,
  Recognised,
  Repository,
  RepositoryRef,
  WalArchive,
} from '../contract/format.ts';
import { folderOfKey, type Look, lookInto } from '../contract/look.ts';
import { nothingFound } from './nothing-found.ts';
import { otherTool } from './other-tools.ts';

const FORMATS: Readonly<Record<FormatName, Format>> = { barman, basebackup };
/** The formats in the order in which a folder is shown to them. */
const ALL = Object.values(FORMATS);

/** How many levels below the URL repositories are looked for. */
const MAX_DEPTH = 4;
const MAX_FOLDERS = 2000;
const PARALLEL_LISTINGS = 16;

/** The repositories under a URL. */
export interface FoundRepositories {
  /** At least one; several when the URL stands above several servers. In key order. */
  repositories: Repository[];
  /** Id of the backup that the URL points at, if it points at one. */
  backupId?: string;
}

export function formatNamed(name: FormatName): Format {
  return FORMATS[name];
}

/** Opens a repository that was found before. */
export function openRepository(store: ObjectStore, ref: RepositoryRef): Promise<Repository> {
  return FORMATS[ref.format].open(store, ref.root, ref.secrets);
}

/** The archive that recovery from a repository reads; undefined where WAL travels in the backups. */
export function openWalArchive(store: ObjectStore, ref: RepositoryRef): Promise<WalArchive | undefined> {
  return FORMATS[ref.format].walArchive(store, ref.root, ref.secrets);
}

/**
 * Opens the content of a backup, which must be the content that was proven. `backupIncomplete` for another digest.
 * @param digest of the proven content
 */
export async function openContent(
  store: ObjectStore,
  ref: RepositoryRef,
  backup: BackupFacts,
  digest: string,
  signal?: AbortSignal,
): Promise<Content> {
  const content = await FORMATS[ref.format].content(store, ref.root, backup, { secrets: ref.secrets, signal });
  if (content.digest === digest) return content;
  const what = content.count === 0 ? 'is no longer there' : 'is another than a moment ago: its objects have changed';
  throw new OdoError('backupIncomplete', `backup ${backup.id} in ${store.url}/${ref.root} ${what}`, {
    hint: 'run the same command again, or choose another backup with --backup',
  });
}

/**
 * Finds the repositories that a URL means, with or without a slash at its end. Its key may be that of a repository, of
 * a folder some levels above (several servers), of `base/` or `wals/` in it, of one backup's folder, or of one object
 * of a backup. `notFound` when there is none. `usage` when the URL stands above too much to look through.
 */
export async function findRepositories(
  store: ObjectStore,
  key: string,
  signal?: AbortSignal,
): Promise<FoundRepositories> {
  try {
    return await findAt(store, key, signal);
  } catch (error) {
    const plain = key.replace(/^\/+/, '');
    const isNowhere = error instanceof OdoError && error.code === 'notFound';
    if (plain === key || !isNowhere) throw error;
    // One slash too many is more frequent than a key that begins with one.
    return findAt(store, plain, signal).catch((other: unknown) => {
      throw other instanceof OdoError && other.code === 'notFound' ? error : other;
    });
  }
}

async function findAt(store: ObjectStore, key: string, signal?: AbortSignal): Promise<FoundRepositories> {
  const prefix = await folderOfKey(store, key.replace(/\/{2,}$/, '/'), signal);
  return (await findAround(store, prefix, signal)) ?? (await findBelow(store, prefix, signal));
}

/** The repository that the folder lies in. */
async function findAround(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<FoundRepositories | undefined> {
  for (const format of ALL) {
    const around = await format.around?.(store, prefix, signal);
    if (around) return only(store, format, around);
  }
  const look = await lookInto(store, prefix, signal);
  let whole: Promise<FoundRepositories> | undefined;
  for (const format of ALL) {
    const recognised = await format.recognise(store, look, signal);
    if (recognised?.backupId !== undefined) return only(store, format, recognised);
    if (recognised) whole ??= only(store, format, recognised);
  }
  return whole;
}

async function only(store: ObjectStore, format: Format, { root, backupId }: Recognised): Promise<FoundRepositories> {
  return { repositories: [await format.open(store, root)], ...(backupId === undefined ? {} : { backupId }) };
}

/** The repositories in a folder and below it, level by level. Does not go down into those that it finds. */
async function findBelow(store: ObjectStore, start: string, signal?: AbortSignal): Promise<FoundRepositories> {
  const found = new Map<string, Repository>();
  const shapesOfSets = new Set<string>();
  const others = new Set<string>();
  let piece: ReturnType<typeof pieceOf>;
  let level = [start];
  let looked = 0;
  let first: Look | undefined;

  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth++) {
    const below: string[] = [];
    for (let at = 0; at < level.length; at += PARALLEL_LISTINGS) {
      const batch = level.slice(at, at + PARALLEL_LISTINGS).filter((prefix) => !shapesOfSets.has(shapeOf(prefix)));
      looked += batch.length;
      if (looked > MAX_FOLDERS) throw tooMuch(store, start);
      const looks = await mapLimit(batch, PARALLEL_LISTINGS, (prefix) => recogniseAt(store, prefix, signal));
      for (const { look, format, recognised } of looks) {
        first ??= look;
        if (format && recognised) {
          found.set(recognised.root, await format.open(store, recognised.root));
          if (recognised.backupId !== undefined && isDated(look.prefix)) shapesOfSets.add(shapeOf(look.prefix));
        } else {
          const tool = otherTool(look);
          if (tool !== undefined) others.add(tool);
          piece ??= pieceOf(look);
          below.push(...look.folders.map((name) => `${look.prefix}${name}/`));
        }
      }
    }
    level = below;
  }
  if (found.size === 0) {
    if (others.size > 0) throw ofAnotherTool(store, start, [...others]);
    if (piece !== undefined) throw insideOf(store, start, piece);
    throw await nothingFound(store, first ?? { prefix: start, objects: [], folders: [] }, signal);
  }
  return { repositories: [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, repository]) => repository) };
}

/** The meaning of a folder to the first format that knows it. */
async function recogniseAt(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<{ look: Look; format?: Format; recognised?: Recognised }> {
  const look = await lookInto(store, prefix, signal);
  for (const format of ALL) {
    const recognised = await format.recognise(store, look, signal);
    if (recognised) return { look, format, recognised };
  }
  return { look };
}

function pieceOf(look: Look): ReturnType<NonNullable<Format['isPiece']>> {
  return ALL.map((format) => format.isPiece?.(look)).find((piece) => piece !== undefined);
}

/**
 * The shape of a name, with 0 for each digit. Beside a set, a folder of the same shape will be a set, too: of a
 * thousand dated folders, only one has to be looked into.
 */
function shapeOf(prefix: string): string {
  return parentPrefix(prefix) + prefix.slice(parentPrefix(prefix).length).replace(/\d/g, '0');
}

function isDated(prefix: string): boolean {
  return prefix.slice(parentPrefix(prefix).length).replace(/\D/g, '').length >= 6;
}

function tooMuch(store: ObjectStore, start: string): OdoError {
  return new OdoError(
    'usage',
    `there are more than ${MAX_FOLDERS} folders under ${store.url}/${start}, too many to look for backups in`,
    {
      hint: 'give a more exact URL: the folder that holds base/ and wals/, or the one that holds the backups',
    },
  );
}

function ofAnotherTool(store: ObjectStore, start: string, tools: readonly string[]): OdoError {
  return new OdoError(
    'notFound',
    `no backup that ODO reads under ${store.url}/${start}; it looks like a repository of ${tools.join(' and ')}`,
    {
      hint: `ODO reads ${ALL.map(({ about }) => about).join(' and ')}`,
    },
  );
}

function insideOf(store: ObjectStore, start: string, { of, missing }: { of: string; missing: string }): OdoError {
  const where = `${store.url}/${start} lies within a repository of ${of}`;
  const message = `${where}, whose ${missing} are out of sight from there`;
  return new OdoError('notFound', message, { hint: `point the URL at the folder that holds ${missing}` });
}
