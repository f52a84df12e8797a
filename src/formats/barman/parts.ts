import type { ObjectInfo } from '../../store/objects/object-store.ts';
import { splitLayers } from '../../stream/bytes/layers.ts';
import type { Part, Tablespace } from '../contract/format.ts';

/** The tars of a backup, and what is wrong with them. */
export interface PartsFound {
  /**
   * Parts in the order in which they are laid down: those of PGDATA, then those of each tablespace, all by their
   * number.
   */
  parts: Part[];
  /** Faults in words, such as `data_0001.tar is missing`; empty when there is none. */
  missing: string[];
  /** Names of tars in a form that ODO does not know, such as `data.tar.gz.gpg`. */
  unknown: string[];
}

interface NumberedPart {
  part: Part;
  /** 0 for the first part, which has no number in its name. */
  number: number;
}

/** `data` or a tablespace's OID; from the second object on `_0001`, `_0002` …; `.tar`. */
const PART_NAME = /^(data|\d+)(?:_(\d{4,}))?\.tar$/;

/**
 * Sorts out the objects that lie directly in a backup's folder. Each `data…` tar is complete in itself and goes into
 * PGDATA. Each `<oid>…` tar goes into that tablespace. `tablespaces` are those that backup.info names, and each must
 * have its tar. Without a backup.info (undefined), nothing counts as missing. Source: barman, barman/cloud.py
 * (CloudUploadController, CloudBackupCatalog.get_backup_files).
 */
export function findParts(objects: readonly ObjectInfo[], tablespaces: readonly Tablespace[] | undefined): PartsFound {
  const found = new Map<string, NumberedPart[]>();
  const unknown: string[] = [];
  for (const object of objects) {
    const name = object.key.slice(object.key.lastIndexOf('/') + 1);
    const { stem, layers } = splitLayers(name);
    const match = PART_NAME.exec(stem);
    if (!match) {
      if (/^(data|\d+)(_\d+)?\.tar\b/.test(name)) unknown.push(name);
      continue;
    }
    const base = match[1] ?? '';
    const where = base === 'data' ? { role: 'base' as const } : { role: 'tablespace' as const, oid: Number(base) };
    const part: Part = { ...where, key: object.key, sizeBytes: object.sizeBytes, layers };
    if (object.etag !== undefined) part.etag = object.etag;
    if (object.archived !== undefined) part.archived = object.archived;
    const list = found.get(base) ?? [];
    found.set(base, list);
    list.push({ part, number: Number(match[2] ?? 0) });
  }

  const missing: string[] = [];
  const parts: Part[] = [];
  const wanted =
    tablespaces === undefined
      ? [...found.keys()].filter((base) => base !== 'data')
      : tablespaces.map(({ oid }) => `${oid}`);
  for (const base of ['data', ...wanted]) {
    const list = (found.get(base) ?? []).sort((a, b) => a.number - b.number);
    if (tablespaces !== undefined) missing.push(...gaps(base, list));
    parts.push(...list.map(({ part }) => part));
    found.delete(base);
  }
  for (const base of found.keys()) missing.push(`${base}.tar belongs to no tablespace that backup.info names`);
  return { parts, missing, unknown };
}

function gaps(base: string, list: readonly NumberedPart[]): string[] {
  if (list.length === 0) return [base === 'data' ? 'data.tar is missing' : `${base}.tar, a tablespace's, is missing`];
  const complaints: string[] = [];
  let expected = 0;
  for (const { number } of list) {
    if (number < expected) complaints.push(`${nameOf(base, number)} is there twice`);
    for (; expected < number; expected++) complaints.push(`${nameOf(base, expected)} is missing`);
    expected = number + 1;
  }
  return complaints;
}

function nameOf(base: string, number: number): string {
  return number === 0 ? `${base}.tar` : `${base}_${String(number).padStart(4, '0')}.tar`;
}
