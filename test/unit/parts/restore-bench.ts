import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { findParts } from '../../../src/formats/barman/parts.ts';
import { digestOf } from '../../../src/formats/contract/tar-content.ts';
import { parsePgControl } from '../../../src/postgres/files/pg-control.ts';
import type { LayDownJob } from '../../../src/restore/contract/lay-down-job.ts';
import type { ClusterPlaces } from '../../../src/restore/contract/places.ts';
import { etagOf } from '../../../src/store/kinds/directory.ts';
import { segment } from './named-archive.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { plantTree, snapshotTree, type TreeSnapshot } from './tree-snapshot.ts';
import { SEGMENT_SIZE_BYTES, walSegment } from './wal-segment.ts';

export const CONTROL = fs.readFileSync(new URL('../../fixtures/postgres/pg_control.17', import.meta.url));
export const SYSTEM_IDENTIFIER = parsePgControl(CONTROL).systemIdentifier;
export const OWNER = { uid: 999, gid: 998 };

const BASE_KEY = 'base/b1/data.tar';
const SPACE_KEY = 'base/b1/16387.tar.gz';

/** What ODO's own folder is called, and what a snapshot of the user's own content leaves out. */
const OWN = ['.odo'];

/**
 * A repository in a directory, and a volume that holds an older cluster of PostgreSQL 15 with a tablespace beside it.
 */
export interface Bench {
  repository: string;
  volume: string;
  places: ClusterPlaces;
  job: LayDownJob;
  /** PGDATA and the tablespace, as they were. */
  old: TreeSnapshot[];
}

/** The files of the backup's base part. */
const BASE = {
  PG_VERSION: '17\n',
  backup_label: 'START WAL LOCATION: 0/100028 (file 000000010000000000000001)\n',
  'postgresql.auto.conf': "work_mem = '8MB'\n",
  'postgresql.conf': 'port = 5432\n',
  'base/5/1259': 'pg_class',
  'postmaster.pid': '1\n',
  'standby.signal': '',
  'pg_tblspc/16387': '-> /where/it/was',
};

/**
 * Packs a directory with the system's tar, as barman does with its own: members are relative, and one of them comes
 * last.
 */
function packTar(directory: string, last?: string): Buffer {
  const archive = path.join(scratchDirectory(), 'archive.tar');
  const tar = (...more: string[]) => execFileSync('tar', ['--format=pax', '-C', directory, '-f', archive, ...more]);
  tar('-c', ...(last === undefined ? [] : [`--exclude=./${last}`]), '.');
  if (last !== undefined) tar('-r', `./${last}`);
  return fs.readFileSync(archive);
}

let packed: Record<string, Buffer> | undefined;

/** The objects of the repository by key; made once, since they are always the same. */
function objects(): Record<string, Buffer> {
  if (packed) return packed;
  const cluster = path.join(scratchDirectory(), 'cluster');
  plantTree(cluster, { ...BASE, 'global/': '' });
  fs.writeFileSync(path.join(cluster, 'global/pg_control'), CONTROL);
  fs.chmodSync(cluster, 0o750);
  const space = path.join(scratchDirectory(), 'space');
  plantTree(space, { 'PG_17_202406281/5/16400': 'heap' });
  fs.chmodSync(space, 0o700);
  const segments = [1, 2, 3].map((number): [string, Buffer] => [
    `wals/0000000100000000/${segment(1, number)}.gz`,
    gzipSync(walSegment(1, number, SYSTEM_IDENTIFIER), { level: 1 }),
  ]);
  packed = {
    [BASE_KEY]: packTar(cluster, 'global/pg_control'),
    [SPACE_KEY]: gzipSync(packTar(space)),
    ...Object.fromEntries(segments),
  };
  return packed;
}

/** @param root where PGDATA lies in the volume */
export function setUpBench(root = 'data'): Bench {
  const repository = scratchDirectory();
  for (const [key, content] of Object.entries(objects())) {
    fs.mkdirSync(path.dirname(path.join(repository, key)), { recursive: true });
    fs.writeFileSync(path.join(repository, key), content);
  }

  const volume = scratchDirectory();
  const pgdata = { root: path.join(volume, root), odoDir: path.join(volume, '.odo') };
  const tablespace = scratchDirectory();
  const places: ClusterPlaces = {
    pgdata,
    tablespaces: [{ oid: 16387, place: { root: tablespace, odoDir: path.join(tablespace, '.odo') } }],
  };
  plantTree(pgdata.root, { PG_VERSION: '15\n', 'base/5/1259': 'old', 'global/pg_control': 'old' });
  plantTree(tablespace, { 'PG_15_202209061/5/1': 'old' });
  fs.chmodSync(pgdata.root, 0o700);
  fs.chownSync(pgdata.root, 70, 70);
  const job: LayDownJob = {
    store: { url: repository, pathStyle: false },
    repository: { format: 'barman', root: '' },
    backup: {
      id: 'b1',
      format: 'barman',
      state: 'complete',
      postgresMajor: 17,
      systemIdentifier: SYSTEM_IDENTIFIER,
      timeline: 1,
      beginWal: segment(1, 1),
      endWal: segment(1, 2),
      walSegmentSizeBytes: SEGMENT_SIZE_BYTES,
      tablespaces: [{ oid: 16387, name: 'space', location: '/where/it/was' }],
      wal: 'archive',
    },
    content: { digest: '' },
    wal: {
      source: 'archive',
      spans: [{ timeline: 1, firstSegment: segment(1, 1) }],
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 3,
      storedBytes: 1,
      endSegment: segment(1, 3),
    },
    places,
    owner: OWNER,
    configuration: {},
    server: { postgresMajor: 17 },
    recovery: { unattended: false },
    oldData: { wipe: false },
    run: { sync: false, verify: 'stream', fresh: false },
  };
  const bench = { repository, volume, places, job, old: [] };
  proveContent(bench);
  return { ...bench, old: contentOf(bench) };
}

/** Notes in the job what a proof of the backup would find now. */
export function proveContent({ repository, job }: Pick<Bench, 'repository' | 'job'>): void {
  const folder = `base/${job.backup.id}`;
  const objects = fs.readdirSync(path.join(repository, folder)).map((name) => {
    const found = fs.statSync(path.join(repository, folder, name), { bigint: true });
    return { key: `${folder}/${name}`, sizeBytes: Number(found.size), etag: etagOf(found) };
  });
  job.content = { digest: digestOf(findParts(objects, job.backup.tablespaces).parts) };
}

/** PGDATA and the tablespace, without ODO's own folder. */
export function contentOf({ places }: Pick<Bench, 'places'>): TreeSnapshot[] {
  return [places.pgdata.root, ...places.tablespaces.map(({ place }) => place.root)].map((root) =>
    snapshotTree(root, OWN),
  );
}
