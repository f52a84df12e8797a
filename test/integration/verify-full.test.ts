import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeProject, writeProject } from './parts/compose-project.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { createBucket, emptyBucket } from './parts/s3.ts';
import { type SourceCluster, startSource } from './parts/source-cluster.ts';

/**
 * Damage that a backup tool copies faithfully: only the page checksum, or the server when it reads the page, can tell.
 */
describe('--verify full', () => {
  let bucket: string;
  let source: SourceCluster;
  let project: ComposeProject;
  let damagedFile: string;
  let sound: string;
  let damaged: string;
  let scratch: string;

  beforeAll(async () => {
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-verify-'));
    bucket = await createBucket();
    // Autovacuum would write the whole page to WAL, and replay mend it.
    const settings = { autovacuum: 'off' };
    source = await startSource({
      major: 17,
      bucket,
      prefix: 'backups',
      server: 'shop',
      initdbArgs: '--data-checksums',
      settings,
    });
    await source.sql(
      'create table things as select n as id, repeat(md5(n::text), 8) as what from generate_series(1, 5000) n',
    );
    await source.sql('checkpoint');
    sound = await source.barmanBackup();
    damagedFile = await source.sql("select pg_relation_filepath('things')");
    // Block 3, behind the page's header, on disk only: the server has the page in memory, and WAL knows nothing of it.
    await source.exec([
      'sh',
      '-c',
      `printf oops | dd of=$PGDATA/${damagedFile} bs=1 seek=${3 * 8192 + 4000} conv=notrunc status=none`,
    ]);
    damaged = await source.barmanBackup();
    await source.archiveAll();
    await source.remove();
    project = writeProject({ image: 'postgres:17', mountAt: '/var/lib/postgresql/data' });
    await project.up();
    await project.sql('create table old_data as select 1 as id');
  });

  afterAll(async () => {
    await source?.remove();
    await project?.down();
    if (bucket) await emptyBucket(bucket);
    if (scratch) fs.rmSync(scratch, { recursive: true, force: true });
  });

  const service = () => ['-u', `s3://${bucket}/backups/shop`, '-v', 'db', '-n', 'db', '-f', project.file];

  it('finds a damaged page in a directory before the old content is replaced', async () => {
    const into = path.join(scratch, 'damaged');
    const args = ['-u', `s3://${bucket}/backups/shop`, '--into', into, '--backup', damaged];
    const outcome = await odo([...args, '--verify', 'full']);
    expect(outcome.code).toBe(14);
    expect(outcome.stderr).toContain(`block 3 of ${path.join(into, damagedFile)}`);
    expect(fs.readdirSync(into)).toEqual([]);
    expect((await odo(args)).code).toBe(0);
  });

  it('looks again after recovery, and keeps the old data when a page is damaged', async () => {
    const outcome = await odo([...service(), '--backup', damaged, '--verify', 'full']);
    expect(outcome.code).toBe(14);
    expect(outcome.stderr).toContain('1 data pages are damaged: block 3 of');
    expect(outcome.stderr).toContain('odo rollback');
    expect((await odo(['rollback', ...service().slice(2), '--yes'])).code).toBe(0);
    expect((await odo(['clean', ...service().slice(2)])).code).toBe(0);
    expect(await project.sql('select count(*) from old_data')).toBe('1');
  });

  it('lets a sound backup pass, and leaves no amcheck extension behind', async () => {
    const receipt = await odoReceipt([
      ...service(),
      '--allow-different-cluster',
      '--backup',
      sound,
      '--verify',
      'full',
    ]);
    expect(receipt.laidDown.verified.pages).toBeGreaterThan(1000);
    expect(receipt.notes.join()).not.toContain('pg_amcheck');
    expect(await project.sql('select count(*) from things')).toBe('5000');
    expect(await project.sql("select count(*) from pg_extension where extname = 'amcheck'")).toBe('0');
  });
});
