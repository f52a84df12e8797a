import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DirectoryServers, startDirectoryServers } from './parts/directory-server.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { copyObjects } from './parts/ready-repository.ts';
import { mustRun } from './parts/run.ts';
import { createBucket, deleteObjects, emptyBucket, listKeys, putObject, readObject, S3_ENDPOINT } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

const DIGEST = "select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from things t";
/** What packs a base.tar that pg_basebackup has left plain. */
const PACKERS = {
  gz: 'gzip',
  bz2: 'bzip2',
  xz: 'xz -1 -T 2 --block-size=4MiB',
  lz4: 'lz4 -q',
  zst: 'zstd -q',
  snappy: 'snappy -f',
};
/** What pg_basebackup packs itself, on the server and on its own side. */
const SERVER_SIDE = ['server-gzip', 'server-lz4', 'server-zstd', 'client-lz4', 'client-zstd:workers=2'];
const BARMAN = { '-j': 'bz2', '--lz4': 'lz4', '--zstd': 'zst', '--snappy': 'snappy' };
/** Plain, and the codecs of a data.tar that no backup here has from barman itself. */
const NOT_BY_BARMAN = ['', ...Object.keys(PACKERS).filter((extension) => !Object.values(BARMAN).includes(extension))];
const WAL_CODECS = {
  '--bzip2': 'bz2',
  '--xz': 'xz',
  '--zstd': 'zst',
  '--lz4': 'lz4',
  '--snappy': 'snappy',
  '--gzip': 'gz',
};

/**
 * The module that barman packs snappy streams with crashes in all of Debian's Pythons, so the snappy program does that
 * for barman.
 */
const SNAPPY_MODULE = `
import subprocess
def pack(content):
    return subprocess.run(["snappy", "-f"], input=content, stdout=subprocess.PIPE, check=True).stdout
class StreamCompressor:
    def add_chunk(self, content):
        return pack(content)
class StreamDecompressor:
    pass
def stream_compress(source, target):
    target.write(pack(source.read()))
`;

/** Packs one plain tar of a folder anew with each program, and uploads all of the folder to a place for each. */
const REPACK = `
import boto3, json, os, subprocess, sys
endpoint, bucket, local, tar, sets = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
for folder, extension, packer in json.loads(sets):
    for name in os.listdir(local):
        file = os.path.join(local, name)
        if name == tar and packer:
            with open(file, "rb") as source, open("/tmp/packed", "wb") as packed:
                subprocess.run(packer.split(), stdin=source, stdout=packed, check=True)
            file, name = "/tmp/packed", name + "." + extension
        s3.upload_file(file, bucket, folder + "/" + name)
`;

/** Fetches the objects of a folder. */
const DOWNLOAD = `
import boto3, os, sys
endpoint, bucket, prefix, local = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
os.makedirs(local)
for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
    s3.download_file(bucket, found["Key"], os.path.join(local, os.path.basename(found["Key"])))
`;

describe('backups and WAL packed by the real programs of every codec', () => {
  let bucket: string;
  let folder: string;
  let barman: { id: string; flag: string }[];
  let plainBarman: string;
  let digest: string;
  let base: string;
  let servers: DirectoryServers;

  beforeAll(async () => {
    folder = fs.mkdtempSync('/tmp/odo-codecs-');
    fs.chmodSync(folder, 0o755);
    bucket = await createBucket();
    const source = await startSource({
      major: 18,
      bucket,
      prefix: 'backups',
      server: 'shop',
      initdbArgs: '--wal-segsize=1',
    });
    try {
      await source.sql('create table things as select n as id, md5(n::text) as what from generate_series(1, 5000) n');
      await source.exec([
        'pg_basebackup',
        '-D',
        '/tmp/plain',
        '-c',
        'fast',
        '-h',
        '/var/run/postgresql',
        '-Ft',
        '-X',
        'fetch',
      ]);
      const packed = [['', ''], ...Object.entries(PACKERS)];
      await repack(source, '/tmp/plain', 'base.tar', packed, (name) => `packed/${name}`);
      for (const how of SERVER_SIDE) {
        await source.baseBackup(`sets/${how.replace(/:.*/, '')}`, ['-Ft', '-X', 'fetch', '-Z', how]);
      }
      base = await source.sql("select current_setting('archive_command')");
      barman = [];
      const modules = '/usr/lib/python3/dist-packages';
      await source.exec(['sh', '-c', `printf '%s' "$0" > ${modules}/snappy.py`, SNAPPY_MODULE], 'root');
      for (const flag of Object.keys(BARMAN)) barman.push({ flag, id: await source.barmanBackup(flag) });
      for (const flag of Object.keys(WAL_CODECS)) {
        await source.sql(`alter system set archive_command = '${base.replace(' -z ', ` ${flag} `)}'`);
        await source.sql('select pg_reload_conf()');
        await source.sql(`insert into things select max(id) + 1, 'archived with ${flag}' from things`);
        await source.archiveAll();
      }
      digest = await source.sql(DIGEST);
      plainBarman = await repackBarman(source);
    } finally {
      await source.remove();
    }
    servers = await startDirectoryServers(18, folder);
  }, 600_000);

  afterAll(async () => {
    await servers?.remove();
    if (folder) fs.rmSync(folder, { recursive: true });
    if (bucket) await emptyBucket(bucket);
  });

  /** Packs a tar with each of these programs, by what its name ends in then. */
  async function repack(
    source: SourceCluster,
    local: string,
    tar: string,
    packers: string[][],
    to: (name: string) => string,
  ) {
    const sets = packers.map(([extension, packer]) => [to(extension || 'plain'), extension, packer]);
    await source.exec(['python3', '-c', REPACK, S3_ENDPOINT, bucket, local, tar, JSON.stringify(sets)]);
  }

  /** Takes a plain backup, and makes repositories with it packed by what barman-cloud-backup is not asked for here. */
  async function repackBarman(source: SourceCluster): Promise<string> {
    const how = [
      '-h',
      '/var/run/postgresql',
      '-U',
      'postgres',
      '--immediate-checkpoint',
      '--endpoint-url',
      S3_ENDPOINT,
    ];
    await source.exec(['barman-cloud-backup', ...how, `s3://${bucket}/taken`, 'shop']);
    const [key = ''] = await listKeys(bucket, 'taken/shop/base/');
    const id = key.split('/')[3] ?? '';
    await source.exec(['python3', '-c', DOWNLOAD, S3_ENDPOINT, bucket, `taken/shop/base/${id}/`, '/tmp/barman']);
    const packers = NOT_BY_BARMAN.map((extension) => [extension, PACKERS[extension as keyof typeof PACKERS] ?? '']);
    await repack(source, '/tmp/barman', 'data.tar', packers, (name) => `repacked/${name}/shop/base/${id}`);
    for (const extension of NOT_BY_BARMAN) {
      const to = { bucket, prefix: `repacked/${extension || 'plain'}/shop/wals/` };
      await copyObjects({ bucket, prefix: 'backups/shop/wals/' }, to);
    }
    return id;
  }

  const into = (name: string) => path.join(folder, name.replaceAll('/', '-'));
  /** What has the directory's own path, or the name of the backup, in it. */
  const ITS_OWN = '-path ./.odo -prune -o ! -name postgresql.auto.conf ! -name recovery.signal';
  /** Every file of a tree with its content, mode and owner. */
  const treeOf = (directory: string) =>
    mustRun('sh', [
      '-c',
      `cd ${directory} && find . ${ITS_OWN} -printf '%p %M %U:%G %s %l\\n' | sort && find . ${ITS_OWN} -type ` +
        'f -print0 | sort -z | xargs -0 sha256sum',
    ]);

  it('lays the same tree down, whatever base.tar is packed with', async () => {
    await odoReceipt(['-u', `s3://${bucket}/packed/plain`, '--into', into('plain')]);
    const plain = await treeOf(into('plain'));
    expect(plain.split('\n').length).toBeGreaterThan(1000);
    // large enough for the threads that share bzip2's blocks
    expect((await readObject(bucket, 'packed/bz2/base.tar.bz2')).length).toBeGreaterThan(1 << 20);
    for (const extension of Object.keys(PACKERS)) {
      await odoReceipt(['-u', `s3://${bucket}/packed/${extension}`, '--into', into(extension)]);
      expect(await treeOf(into(extension))).toBe(plain);
      fs.rmSync(into(extension), { recursive: true });
    }
  });

  it('lays the same tree down, whatever else the data.tar of barman is packed with', async () => {
    const trees = new Map<string, string>();
    for (const extension of NOT_BY_BARMAN) {
      const name = `repacked/${extension || 'plain'}`;
      const data = `${name}/shop/base/${plainBarman}/data.tar${extension && `.${extension}`}`;
      expect(await listKeys(bucket, `${name}/shop/base/${plainBarman}/data`)).toEqual([data]);
      await odoReceipt(['-u', `s3://${bucket}/${name}`, '--into', into(name)]);
      trees.set(extension, await treeOf(into(name)));
      fs.rmSync(into(name), { recursive: true });
    }
    expect([...trees.keys()]).toEqual(['', 'gz', 'xz']);
    expect(trees.get('')?.split('\n').length).toBeGreaterThan(1000);
    expect(new Set(trees.values()).size).toBe(1);
  });

  it.each(SERVER_SIDE)('reads what pg_basebackup --compress=%s makes', async (how) => {
    const set = `sets/${how.replace(/:.*/, '')}`;
    const keys = await listKeys(bucket, set);
    expect(keys.some((key) => /base\.tar\.(gz|lz4|zst)$/.test(key))).toBe(true);
    await odoReceipt(['-u', `s3://${bucket}/${set}`, '--into', into(set)]);
    expect(fs.readFileSync(path.join(into(set), 'PG_VERSION'), 'utf8')).toBe('18\n');
  });

  it.each(Object.entries(BARMAN))(
    'restores what barman-cloud-backup %s makes, and replays WAL of every codec',
    async (flag, extension) => {
      const id = barman.find((backup) => backup.flag === flag)?.id ?? '';
      expect(await listKeys(bucket, `backups/shop/base/${id}/data`)).toEqual([
        `backups/shop/base/${id}/data.tar.${extension}`,
      ]);
      const directory = into(`barman${flag}`);
      const extensions = new Set(
        (await listKeys(bucket, 'backups/shop/wals/')).map((key) => path.extname(key).slice(1)),
      );
      expect([...extensions]).toEqual(expect.arrayContaining(Object.values(WAL_CODECS)));
      await odoReceipt(['-u', `s3://${bucket}/backups`, '--backup', id, '--into', directory]);
      expect(await servers.askPromoted(directory, DIGEST)).toBe(digest);
    },
  );

  it('reads packed WAL under plain names, as a barman server keeps it', async () => {
    const wals = await listKeys(bucket, 'backups/shop/');
    for (const key of wals) {
      const plainName = key.includes('/wals/') ? key.replace(/\.(gz|bz2|xz|zst|lz4|snappy)$/, '') : key;
      await putObject(bucket, plainName.replace('backups/', 'nameless/'), await readObject(bucket, key));
    }
    const directory = into('nameless');
    await odoReceipt(['-u', `s3://${bucket}/nameless`, '--into', directory]);
    const spooled = fs.readdirSync(path.join(directory, '.odo', 'spool')).filter((name) => /^[0-9A-F]{24}$/.test(name));
    expect(spooled.length).toBeGreaterThanOrEqual(Object.keys(WAL_CODECS).length);
    for (const name of spooled) expect(fs.statSync(path.join(directory, '.odo', 'spool', name)).size).toBe(1 << 20);
  });

  it('names a wrong extension, and touches nothing', async () => {
    const packed = await readObject(bucket, 'packed/lz4/base.tar.lz4');
    await putObject(bucket, 'wrong/set/base.tar.gz', packed);
    const outcome = await odo(['-u', `s3://${bucket}/wrong`, '--into', into('wrong')]);
    expect(outcome).toMatchObject({ code: 13, stdout: '' });
    expect(outcome.stderr).toContain(
      'base.tar.gz has the wrong extension: it is not gzip data, it looks like lz4 data',
    );
    expect(fs.existsSync(into('wrong'))).toBe(false);

    const wals = await listKeys(bucket, 'repacked/gz/shop/wals/');
    const segment = wals.findLast((key) => /\/[0-9A-F]{24}\.gz$/.test(key)) ?? '';
    await putObject(bucket, segment.replace(/gz$/, 'zst'), await readObject(bucket, segment));
    await deleteObjects(bucket, [segment]);
    const wal = await odo(['-u', `s3://${bucket}/repacked/gz`, '--into', into('wrong')]);
    expect(wal).toMatchObject({ code: 14, stdout: '' });
    expect(wal.stderr).toContain('.zst has the wrong extension: it is not zstd data, it looks like gzip data');
    expect(fs.existsSync(path.join(into('wrong'), 'PG_VERSION'))).toBe(false);
  });
});
