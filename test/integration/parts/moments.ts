import { createBucket } from './s3.ts';
import { type SourceCluster, startSource } from './source-cluster.ts';

/** One committed row of table `steps`. */
export interface Step {
  what: string;
  xid: string;
  /** When it was committed, to the microsecond, as PostgreSQL spells it in UTC. */
  time: string;
  /** Where its WAL begins, and the position behind its commit. */
  beforeLsn: string;
  afterLsn: string;
}

/** The archive of a cluster with a history to which one may want to go back, and the facts of it. */
export interface Moments {
  bucket: string;
  url: string;
  /** Where a set of pg_basebackup is, which ended before step one. */
  setUrl: string;
  /** In the order of their commits; the backups end before the step of that name. */
  steps: Record<'zero' | 'one' | 'two' | 'accident' | 'three' | 'four' | 'five', Step>;
  older: string;
  newer: string;
}

export const RESTORE_POINT = 'before the accident';
/** On timeline 2. */
export const LATER_RESTORE_POINT = 'before the end';

/**
 * zero · set of pg_basebackup · backup · one · two · restore point · accident (the rows are deleted) · backup · three ·
 * promotion to timeline 2 · four · restore point · five. All of it is archived.
 */
export async function makeMoments(major: 15 | 17 | 18): Promise<Moments> {
  const bucket = await createBucket();
  // No transaction but those below: an autovacuum would be another last one.
  const settings = { track_commit_timestamp: 'on', autovacuum: 'off', log_timezone: 'UTC' };
  const source = await startSource({ major, bucket, prefix: 'backups', server: 'shop', settings });
  try {
    await source.sql('create table steps (id serial, what text)');
    const zero = await step(source, 'zero');
    await source.baseBackup('sets/20261121T100000');
    const older = await source.barmanBackup();
    const one = await step(source, 'one');
    const two = await step(source, 'two');
    await source.sql(`select pg_create_restore_point('${RESTORE_POINT}')`);
    const accident = await step(source, 'accident', 'with gone as (delete from steps)');
    await source.archiveAll();
    const newer = await source.barmanBackup();
    const three = await step(source, 'three');
    await source.archiveAll();
    await source.promote();
    const four = await step(source, 'four');
    await source.sql(`select pg_create_restore_point('${LATER_RESTORE_POINT}')`);
    await source.archiveAll();
    const five = await step(source, 'five');
    await source.archiveAll();
    const [url, setUrl] = [`s3://${bucket}/backups`, `s3://${bucket}/sets`];
    return { bucket, url, setUrl, steps: { zero, one, two, accident, three, four, five }, older, newer };
  } finally {
    await source.remove();
  }
}

async function step(source: SourceCluster, what: string, before = ''): Promise<Step> {
  const beforeLsn = await source.sql('select pg_current_wal_insert_lsn()');
  const xid = await source.sql(`${before} insert into steps (what) values ('${what}') returning pg_current_xact_id()`);
  const committed = `to_char(pg_xact_commit_timestamp('${xid}') at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`;
  const [time = '', afterLsn = ''] = (
    await source.sql(`select ${committed} || '+00', pg_current_wal_insert_lsn()`)
  ).split('|');
  return { what, xid, time, beforeLsn, afterLsn };
}

/** A time of so many microseconds later or, negative, earlier. */
export function shiftTime(time: string, micros: number): string {
  const [, seconds, fraction] = /^(.*)\.(\d{6})\+00$/.exec(time) ?? [];
  const shifted =
    BigInt(Date.parse(`${seconds?.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction ?? '0') + BigInt(micros);
  const text = new Date(Number(shifted / 1000n)).toISOString().slice(0, 19).replace('T', ' ');
  return `${text}.${String(shifted % 1_000_000n).padStart(6, '0')}+00`;
}
