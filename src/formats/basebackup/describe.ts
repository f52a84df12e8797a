import { OdoError } from '../../errors.ts';
import {
  demandOwnChecksum,
  MANIFEST_HEAD_BYTES,
  MANIFEST_TAIL_BYTES,
  type ManifestSizes,
  type ManifestSummary,
  readManifestSummary,
  sumManifestSizes,
} from '../../postgres/files/backup-manifest.ts';
import { isSegmentName, parseLsn, parseSegmentName, segmentBeforeLsn } from '../../postgres/terms/wal-names.ts';
import { readWalPageHeader, WAL_PAGE_HEADER_BYTES, type WalPageHeader } from '../../postgres/wal/wal-page.ts';
import type { ObjectInfo, ObjectStore } from '../../store/objects/object-store.ts';
import { readRanged } from '../../store/reading/ranged-read.ts';
import { readHead, readWhole } from '../../store/reading/read-whole.ts';
import { withoutUndefined } from '../../without-undefined.ts';
import type { Backup } from '../contract/format.ts';
import { identifyMajor } from './identify-major.ts';
import { readTarHead } from './tar-head.ts';

/** A manifest up to this size is read whole, to sum up the sizes of its files. */
const MAX_SUMMED_BYTES = 64 * 1024 * 1024;

/** How much of base.tar is read to find the version, where the WAL does not tell it. */
const SEARCHED_BYTES = { glance: 1024 * 1024, full: 8 * 1024 * 1024 };

/**
 * Adds the facts in backup_manifest and the first WAL segment: the end of the WAL, the system identifier, the version,
 * the segment size, and (depth `full`) the size on disk. A backup that is not complete comes back as it is.
 * `dataCorrupt` when the manifest is damaged, or of another cluster than the WAL.
 */
export async function describe(
  store: ObjectStore,
  backup: Backup,
  depth: 'glance' | 'full',
  signal?: AbortSignal,
): Promise<Backup> {
  if (backup.state !== 'complete') return backup;
  const page = await readFirstWalPage(store, backup, signal);
  const manifest = await readManifest(store, backup, depth === 'full' ? MAX_SUMMED_BYTES : 0, signal);
  const systemIdentifier = manifest?.summary.systemIdentifier ?? page?.systemIdentifier;
  if (page && systemIdentifier !== page.systemIdentifier) {
    throw new OdoError(
      'dataCorrupt',
      `backup ${backup.id} mixes two clusters: ${systemIdentifier} in its manifest, ${page.systemIdentifier} ` +
        'in its WAL',
      {
        hint: 'choose another backup with --backup',
      },
    );
  }
  const walSegmentSizeBytes = page?.segmentSizeBytes ?? backup.walSegmentSizeBytes;
  const described: Backup = {
    ...backup,
    ...withoutUndefined({
      systemIdentifier,
      walSegmentSizeBytes,
      postgresMajor:
        backup.postgresMajor ??
        page?.postgresMajor ??
        (await identifyMajor(store, backup, SEARCHED_BYTES[depth], signal)),
      ...endOfWal(backup, manifest?.summary, walSegmentSizeBytes),
    }),
  };
  const content = manifest?.content;
  if (!content) return described;
  return {
    ...described,
    tablespaces: described.tablespaces.map((tablespace) => {
      const { sumBytes = 0, files = 0 } = content.tablespaces.get(tablespace.oid) ?? {};
      return { ...tablespace, restoredBytes: sumBytes, restoredFiles: files };
    }),
    restoredBytes: content.sumBytes + walBytes(described),
    restoredFiles: content.files,
  };
}

/** The header of the first segment in pg_wal.tar; on a timeline above 1 a history file comes before it. */
async function readFirstWalPage(
  store: ObjectStore,
  backup: Backup,
  signal?: AbortSignal,
): Promise<WalPageHeader | undefined> {
  const wal = backup.parts.find(({ role }) => role === 'wal');
  if (!wal) return undefined;
  const options = { maxBytes: 1024 * 1024, contentBytes: WAL_PAGE_HEADER_BYTES, signal };
  for await (const { name, content } of readTarHead(store, wal, options)) {
    if (isSegmentName(name)) return readWalPageHeader(content);
  }
  return undefined;
}

/** Reads the manifest's head and tail. A manifest of at most `maxSummedBytes` is read whole. */
async function readManifest(
  store: ObjectStore,
  backup: Backup,
  maxSummedBytes: number,
  signal?: AbortSignal,
): Promise<{ summary: ManifestSummary; content?: ManifestSizes } | undefined> {
  if (backup.manifestKey === undefined) return undefined;
  const object = await store.head(backup.manifestKey, signal);
  if (!object)
    throw new OdoError('backupIncomplete', `${store.url}/${backup.manifestKey} has disappeared`, { hint: 'run again' });
  try {
    if (object.sizeBytes <= maxSummedBytes) {
      const text = (await readWhole(store, object, { maxBytes: maxSummedBytes, signal })).toString('utf8');
      const summary = readManifestSummary(text.slice(0, MANIFEST_HEAD_BYTES), text.slice(-MANIFEST_TAIL_BYTES));
      demandOwnChecksum(text, summary);
      return { summary, content: sumManifestSizes(text) };
    }
    const head = await readHead(store, object, MANIFEST_HEAD_BYTES, { signal });
    return { summary: readManifestSummary(head, await readTail(store, object, signal)) };
  } catch (error) {
    if (!(error instanceof OdoError) || error.code !== 'dataCorrupt') throw error;
    throw new OdoError('dataCorrupt', `${store.url}/${object.key}: ${error.message}`, {
      hint: 'choose another backup with --backup',
      cause: error,
    });
  }
}

async function readTail(store: ObjectStore, object: ObjectInfo, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const range = { offset: Math.max(0, object.sizeBytes - MANIFEST_TAIL_BYTES), length: MANIFEST_TAIL_BYTES };
  for await (const chunk of readRanged(store, object, { ...range, signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The end of the WAL on the backup's timeline. It stays unknown when the last range is of another one, as when a
 * standby followed a promotion meanwhile.
 */
function endOfWal(backup: Backup, summary: ManifestSummary | undefined, segmentSizeBytes: number | undefined) {
  const last = summary?.walRanges.at(-1);
  if (!last || last.timeline !== backup.timeline) return {};
  const endWal = segmentBeforeLsn(parseLsn(last.endLsn), last.timeline, segmentSizeBytes);
  return { endLsn: last.endLsn, endWal };
}

/** Bytes of pg_wal after the restore: the manifest does not cover it. */
function walBytes({ beginWal, endWal, walSegmentSizeBytes }: Backup): number {
  if (beginWal === undefined || endWal === undefined || walSegmentSizeBytes === undefined) return 0;
  const first = parseSegmentName(beginWal, walSegmentSizeBytes).segmentNumber;
  return (parseSegmentName(endWal, walSegmentSizeBytes).segmentNumber - first + 1) * walSegmentSizeBytes;
}
