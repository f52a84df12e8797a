import type { ObjectInfo } from '../../store/objects/object-store.ts';
import { splitLayers } from '../../stream/bytes/layers.ts';
import type { Part } from '../contract/format.ts';

/** The objects of one folder, sorted out as those of a `pg_basebackup -Ft` set. */
export interface SetObjects {
  base: Part[];
  tablespaces: Part[];
  wal: Part[];
  manifest?: ObjectInfo;
  /** Names of tars in a form that ODO does not know, such as `base.tar.gz.age`. */
  unknown: string[];
}

/**
 * Sorts out what pg_basebackup leaves in a folder: `base.tar[.x]`, a `<oid>.tar[.x]` for each tablespace,
 * `pg_wal.tar[.x]` and `backup_manifest`. The sets of ODO's predecessor may have `data.tar[.x]` instead of base.tar;
 * beside a backup.info, that name belongs to a barman backup. undefined when the folder holds nothing of the kind.
 */
export function sortObjects(objects: readonly ObjectInfo[]): SetObjects | undefined {
  const named = objects.map((object) => ({ object, name: object.key.slice(object.key.lastIndexOf('/') + 1) }));
  if (named.some(({ name }) => name === 'backup.info')) return undefined;
  const hasBase = named.some(({ name }) => splitLayers(name).stem === 'base.tar');
  const set: SetObjects = { base: [], tablespaces: [], wal: [], unknown: [] };

  for (const { object, name } of named) {
    const { stem, layers } = splitLayers(name);
    const common = {
      key: object.key,
      sizeBytes: object.sizeBytes,
      layers,
      ...(object.etag === undefined ? {} : { etag: object.etag }),
      ...(object.archived === undefined ? {} : { archived: object.archived }),
    };
    const oid = /^(\d+)\.tar$/.exec(stem)?.[1];
    if (stem === 'base.tar' || (stem === 'data.tar' && !hasBase)) set.base.push({ role: 'base', ...common });
    else if (stem === 'pg_wal.tar') set.wal.push({ role: 'wal', ...common });
    else if (oid !== undefined) set.tablespaces.push({ role: 'tablespace', oid: Number(oid), ...common });
    else if (name === 'backup_manifest') set.manifest = object;
    else if (/^(base|data|pg_wal|\d+)\.tar\./.test(name)) set.unknown.push(name);
  }
  const isSet =
    set.base.length > 0 ||
    set.wal.length > 0 ||
    set.manifest !== undefined ||
    set.unknown.some((name) => !/^\d/.test(name));
  return isSet ? set : undefined;
}

/** Parts in the order in which they are laid down. */
export function partsOf({ base, tablespaces, wal }: SetObjects): Part[] {
  return [...base, ...tablespaces.toSorted((a, b) => (a.oid ?? 0) - (b.oid ?? 0)), ...wal];
}
