import { OdoError } from '../../errors.ts';
import type { BackupFacts, Unit } from '../../formats/contract/format.ts';
import { readManifest } from '../../postgres/files/manifest-reader.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { readRanged } from '../../store/reading/ranged-read.ts';
import type { EntrySink, TarEntry } from '../../stream/bytes/entry.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  isChecksumAlgorithm,
  prepareChecksums,
} from '../../stream/native/checksum.ts';

/** Holds the files of a backup against its backup_manifest while they are written. */
export interface ManifestCheck {
  /** Begins a unit. */
  begin(unit: Placed): Promise<UnitCheck>;
  /** Passes over a unit that an interrupted run had laid down, and so checked, whole. */
  skip(unit: Placed): void;
  /**
   * Ends the check, after all units.
   * Errors: `dataCorrupt` when a file that the manifest lists has not come.
   */
  finish(): void;
}

export interface UnitCheck {
  /**
   * Judges a member before anything of it is written. `open` gives its sink. The sink that is returned compares the
   * checksum at the file's end.
   * Errors: `dataCorrupt` when the manifest does not know the member, or has another size or checksum for it.
   */
  watch(entry: TarEntry, open: () => EntrySink): EntrySink;
  /**
   * Ends the check of a unit.
   * Errors: `dataCorrupt` when a file of the unit is missing.
   */
  finish(): void;
}

/** What tells which files of the manifest are in a unit. */
type Placed = Pick<Unit, 'key' | 'role' | 'oid'>;

interface Expected {
  sizeBytes: number;
  algorithm?: ChecksumAlgorithm;
  checksum?: string;
}

/**
 * Files that are not of the backup: pg_basebackup -R writes them, and also adds to postgresql.auto.conf.
 * pg_verifybackup passes over them too.
 */
const RECOVERY_SIGNALS = new Set(['standby.signal', 'recovery.signal']);
const AUTO_CONF = 'postgresql.auto.conf';
const NAMED = 5;
const HINT = 'the backup was damaged or mixed up with another one; choose another backup with --backup';

/** Reads the manifest of a backup; undefined for a backup that has none. */
export async function openManifestCheck(
  store: ObjectStore,
  backup: BackupFacts,
  signal?: AbortSignal,
): Promise<ManifestCheck | undefined> {
  if (backup.manifestKey === undefined) return undefined;
  const name = `${store.url}/${backup.manifestKey}`;
  const expected = await readExpected(store, backup.manifestKey, name, signal);
  return {
    async begin(unit) {
      return createUnitCheck(unit, expected, `${store.url}/${unit.key}`, name, await prepareChecksums());
    },
    skip(unit) {
      for (const path of expected.keys()) if (belongsTo(unit, path)) expected.delete(path);
    },
    finish: () => demandNone([...expected.keys()], name, 'the backup lacks'),
  };
}

async function readExpected(
  store: ObjectStore,
  key: string,
  name: string,
  signal?: AbortSignal,
): Promise<Map<string, Expected>> {
  const object = await store.head(key, signal);
  if (!object) throw new OdoError('backupIncomplete', `${name} has disappeared`, { hint: 'run again' });
  const expected = new Map<string, Expected>();
  try {
    await readManifest(readRanged(store, object, { signal }), (file, line) => {
      const { checksumAlgorithm: algorithm, checksum } = file;
      const entry: Expected = { sizeBytes: file.sizeBytes };
      if (algorithm !== undefined && algorithm !== 'NONE') {
        if (!isChecksumAlgorithm(algorithm) || checksum === undefined) {
          throw new OdoError(
            'dataCorrupt',
            `line ${line} has a checksum that ODO does not know: ${algorithm} ${checksum}`,
          );
        }
        entry.algorithm = algorithm;
        entry.checksum = checksum;
      }
      if (expected.has(file.path)) throw new OdoError('dataCorrupt', `line ${line} lists ${file.path} a second time`);
      expected.set(file.path, entry);
    });
  } catch (error) {
    if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
    throw new OdoError('dataCorrupt', `${name}: ${error.message}`, { hint: error.hint ?? HINT, cause: error });
  }
  return expected;
}

function createUnitCheck(
  unit: Placed,
  expected: Map<string, Expected>,
  object: string,
  manifest: string,
  createChecksum: (algorithm: ChecksumAlgorithm) => Checksum,
): UnitCheck {
  const prefix = prefixOf(unit);
  let changedAutoConf: OdoError | undefined;
  let isStandbyCopy = false;

  /** Throws. A fault of postgresql.auto.conf is kept until it shows whether pg_basebackup -R has changed the file. */
  function fault(path: string, message: string): void {
    const error = new OdoError('dataCorrupt', message, { hint: HINT });
    if (path !== AUTO_CONF) throw error;
    changedAutoConf = error;
  }

  return {
    watch(entry, open) {
      // A hard link would bring content under a name that the manifest cannot list.
      if (entry.type !== 'file' && entry.type !== 'link') return open();
      const path = prefix + entry.path;
      const what = `${object}: ${entry.path}${placeOf(entry)}`;
      const wanted = expected.get(path);
      expected.delete(path);
      if (RECOVERY_SIGNALS.has(path)) isStandbyCopy = true;
      if (!wanted) {
        if (!isKnownApart(path))
          throw new OdoError('dataCorrupt', `${what} is not in ${manifest}, or comes twice`, { hint: HINT });
        return open();
      }
      if (entry.sizeBytes !== wanted.sizeBytes) {
        fault(path, `${what} has ${entry.sizeBytes} bytes where ${manifest} says ${wanted.sizeBytes}`);
        return open();
      }
      const { algorithm, checksum } = wanted;
      if (algorithm === undefined || checksum === undefined) return open();
      return summed(open(), createChecksum(algorithm), (digest) => {
        const actual = algorithm === 'CRC32C' ? reverseBytes(digest) : digest;
        if (actual === checksum) return;
        fault(path, `${what} is damaged: its ${algorithm} is ${actual} where ${manifest} says ${checksum}`);
      });
    },
    finish() {
      if (changedAutoConf && !isStandbyCopy) throw changedAutoConf;
      const missing = [...expected.keys()].filter((path) => belongsTo(unit, path));
      demandNone(missing, manifest, `${object} lacks`);
    },
  };
}

/**
 * Whether the manifest never lists a file: WAL (of which it may list histories), and what pg_basebackup itself writes.
 */
function isKnownApart(path: string): boolean {
  return path.startsWith('pg_wal/') || path === 'backup_manifest' || RECOVERY_SIGNALS.has(path);
}

/** Paths in the manifest are relative to the data directory, those in a tablespace's tar to the tablespace. */
function prefixOf(unit: Placed): string {
  if (unit.role === 'tablespace') return `pg_tblspc/${unit.oid}/`;
  return unit.role === 'wal' ? 'pg_wal/' : '';
}

function belongsTo(unit: Placed, path: string): boolean {
  return unit.role === 'base' ? !path.startsWith('pg_tblspc/') : path.startsWith(prefixOf(unit));
}

function demandNone(paths: readonly string[], manifest: string, what: string): void {
  const missing = paths.filter((path) => !path.startsWith('pg_wal/'));
  if (missing.length === 0) return;
  const more = missing.length > NAMED ? `, and ${missing.length - NAMED} more` : '';
  throw new OdoError('dataCorrupt', `${what} ${missing.slice(0, NAMED).join(', ')}${more}, which ${manifest} lists`, {
    hint: HINT,
  });
}

function placeOf({ offsetBytes }: TarEntry): string {
  return offsetBytes === undefined ? '' : ` (at byte ${offsetBytes} of the unpacked tar)`;
}

function summed(sink: EntrySink, sum: Checksum, compare: (digest: string) => void): EntrySink {
  return {
    write(chunk) {
      sum.update(chunk);
      return sink.write(chunk);
    },
    end() {
      const digest = sum.digest();
      const ended = sink.end();
      if (ended) return ended.then(() => compare(digest));
      compare(digest);
    },
  };
}

/** The manifest shows a CRC as it lies in memory, least significant byte first. */
function reverseBytes(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex');
}
