import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import type { FollowJob } from '../../../../src/restore/contract/jobs.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { takeLock } from '../../../../src/tree/exchange/lock.ts';
import { spoolDir } from '../../../../src/tree/places/place.ts';
import { jobWith } from '../../parts/job-with.ts';
import { segment } from '../../parts/named-archive.ts';
import { type Bench, CONTROL, OWNER, SYSTEM_IDENTIFIER, setUpBench } from '../../parts/restore-bench.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';
import { SEGMENT_SIZE_BYTES, walSegment } from '../../parts/wal-segment.ts';

const never = new AbortController().signal;
const silent = () => undefined;
/** Where the bench's pg_control has its checksum. */
const CONTROL_CRC_AT = 288;

describe('a round of following', { timeout: 60_000 }, () => {
  const engine = createDirectoryEngine();
  let bench: Bench;
  let job: FollowJob;

  /** A standby of the bench's backup, which has replayed what the archive held. */
  beforeEach(async () => {
    bench = setUpBench();
    const awaitsPromotion = {
      target: 'x',
      isStandby: true,
      keepPrevious: false,
      ownWordOnArchiving: false,
      keepArchiving: false,
    };
    await engine.layDown(jobWith(bench.job, { standby: {}, awaitsPromotion }), silent, never);
    await engine.swap(bench.places);
    const control = Buffer.from(CONTROL);
    control.writeBigUInt64LE(0x100028n, 40);
    control.writeUInt32LE(1, 48);
    control.writeUInt32LE(SEGMENT_SIZE_BYTES, 228);
    control.writeUInt32LE(crc32c(control, 0, CONTROL_CRC_AT), CONTROL_CRC_AT);
    fs.writeFileSync(path.join(bench.places.pgdata.root, 'global/pg_control'), control);
    const { store, repository } = bench.job;
    const place = { pgdata: bench.places.pgdata, spoolBytes: 2 ** 30 };
    job = { store, repository, ...place, replayLsn: '0/300100', targetTimeline: 'latest', restMs: 0 };
  });

  function archive(number: number, systemIdentifier = SYSTEM_IDENTIFIER): void {
    const file = path.join(bench.repository, `wals/0000000100000000/${segment(1, number)}.gz`);
    fs.writeFileSync(file, gzipSync(walSegment(1, number, systemIdentifier), { level: 1 }));
  }

  const follow = (more: Partial<FollowJob> = {}, signal = never) => engine.follow({ ...job, ...more }, silent, signal);
  const inSpool = (name: string) => path.join(spoolDir(bench.places.pgdata), name);
  const promote = () => fs.rmSync(path.join(bench.places.pgdata.root, 'standby.signal'));
  const lock = () => path.join(bench.places.pgdata.odoDir, 'lock');

  it('brings what was archived since, to where the restore_command takes it, as the server’s own', async () => {
    archive(4);
    const round = await follow();
    expect(round).toMatchObject({ segments: 1, isFull: false, lastSegment: segment(1, 4) });
    expect(round?.readBytes).toBeGreaterThan(0);
    expect(fs.readdirSync(spoolDir(bench.places.pgdata)).sort()).toEqual(
      [segment(1, 3), segment(1, 4), 'complete'].sort(),
    );
    expect(fs.statSync(inSpool(segment(1, 4)))).toMatchObject(OWNER);
    expect(fs.existsSync(lock())).toBe(false);
  });

  it('goes by the last restartpoint when the server does not say more, or said it before that', async () => {
    const { replayLsn: _lsn, ...silentServer } = job;
    await engine.follow(silentServer, silent, never);
    expect(fs.existsSync(inSpool(segment(1, 1)))).toBe(true);
    await follow({ replayLsn: '0/100' });
    expect(fs.existsSync(inSpool(segment(1, 1)))).toBe(true);
    await follow();
    expect(fs.existsSync(inSpool(segment(1, 1)))).toBe(false);
  });

  it('is over as soon as the server is no standby any more, also while it rests', async () => {
    const resting = follow({ restMs: 600_000 });
    while (!fs.existsSync(lock())) await sleep(5);
    promote();
    expect(await resting).toBeUndefined();
    expect(fs.existsSync(lock())).toBe(false);
    expect(await follow()).toBeUndefined();
  });

  it('is over where a restore has been taken back, or never was', async () => {
    await engine.rollback(bench.places);
    expect(await follow()).toBeUndefined();
    const root = scratchDirectory();
    expect(await follow({ pgdata: { root, odoDir: path.join(root, '.odo') } })).toBeUndefined();
  });

  it('ends its rest when it is told to, and never begins beside another', async () => {
    const told = new AbortController();
    const resting = follow({ restMs: 600_000 }, told.signal);
    while (!fs.existsSync(lock())) await sleep(5);
    await expect(follow()).rejects.toMatchObject({
      code: 'unsafeTarget',
      message: expect.stringMatching(/another odo is at work/),
    });
    told.abort();
    await expect(resting).rejects.toThrow();
    (await takeLock(bench.places.pgdata.odoDir)).release();
  });

  it('refuses the WAL of another cluster', async () => {
    archive(4, '7000000000000000001');
    await expect(follow()).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringMatching(/another cluster \(system identifier\)/),
    });
  });
});
