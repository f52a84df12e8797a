import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { parsePgControl } from '../../../../src/postgres/files/pg-control.ts';
import { crc32c } from '../../../../src/postgres/terms/crc32c.ts';
import { formatLsn, formatSegmentName, nextSegmentName, parseLsn } from '../../../../src/postgres/terms/wal-names.ts';
import { readWalPageHeader } from '../../../../src/postgres/wal/wal-page.ts';
import type { LayDownJob } from '../../../../src/restore/contract/lay-down-job.ts';
import { createDirectoryEngine } from '../../../../src/restore/engine/directory-engine.ts';
import { adviceOn } from '../../../../src/restore/volume/status-advice.ts';
import { writeJournal } from '../../../../src/tree/exchange/journal.ts';
import { wipePlace } from '../../../../src/tree/exchange/wipe.ts';
import { type Place, previousDir, salvageDir, spoolDir } from '../../../../src/tree/places/place.ts';
import { type JobFields, jobWith } from '../../parts/job-with.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const MIB = 2 ** 20;
const fixture = (name: string) => fs.readFileSync(new URL(`../../../fixtures/postgres/${name}`, import.meta.url));
const bytes = fixture('wal_records.16.control');
const control = parsePgControl(bytes);

/** The pg_wal of a real PostgreSQL 16: the archive has the first of its two segments. */
const wal = gunzipSync(fixture('wal_records.16.gz'));
const begin = parseLsn(readWalPageHeader(wal)?.pageLsn as string);
const first = formatSegmentName({ timeline: 1, segmentNumber: Number(begin / BigInt(MIB)) }, MIB);
const second = nextSegmentName(first, MIB);

const engine = createDirectoryEngine();
const never = new AbortController().signal;
let place: Place;
let job: LayDownJob;

/** The same cluster's control file with something changed. */
function controlWith(change: (control: Buffer) => void): typeof bytes {
  const changed = Buffer.from(bytes);
  change(changed);
  changed.writeUInt32LE(crc32c(changed, 0, 288), 288);
  return changed;
}

const ANOTHER_CLUSTER = controlWith((control) => control.writeBigUInt64LE(77n, 0));
const SECOND_TIMELINE = controlWith((control) => control.writeUInt32LE(2, 48));

function plantOld(root: string, controlFile = bytes): void {
  for (const name of ['global', 'pg_wal']) fs.mkdirSync(path.join(root, name), { recursive: true });
  fs.writeFileSync(path.join(root, 'global/pg_control'), controlFile);
  fs.writeFileSync(path.join(root, 'pg_wal', first), wal.subarray(0, MIB));
  fs.writeFileSync(path.join(root, 'pg_wal', second), wal.subarray(MIB, 2 * MIB));
}

const take = (more: JobFields = {}) => engine.takeSalvage(jobWith(job, more), () => undefined, never);
const aside = () => (fs.existsSync(salvageDir(place)) ? fs.readdirSync(salvageDir(place)) : []);

beforeEach(() => {
  const archive = scratchDirectory();
  const folder = path.join(archive, 'wals', first.slice(0, 16));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, first), wal.subarray(0, MIB));
  const root = path.join(scratchDirectory(), 'data');
  place = { root, odoDir: path.join(root, '.odo') };
  plantOld(root);
  job = {
    store: { url: archive },
    repository: { format: 'barman', root: '' },
    backup: { id: 'b', systemIdentifier: control.systemIdentifier },
    wal: {
      source: 'archive',
      spans: [{ timeline: 1, firstSegment: first }],
      segmentSizeBytes: MIB,
      recoveryTargetTimeline: 'latest',
      histories: [],
      segments: 1,
      storedBytes: MIB,
      endSegment: first,
    },
    places: { pgdata: place, tablespaces: [] },
    recovery: { unattended: false },
    run: {},
    oldData: {},
    salvage: { isLater: false },
  } as unknown as LayDownJob;
});

describe('WAL that only the old data has', () => {
  it('is set aside, wherever the old data is', async () => {
    expect((await take())?.salvage).toMatchObject({ firstSegment: second, commits: 3 });
    expect(aside()).toEqual([second]);
    plantOld(previousDir(place));
    fs.rmSync(path.join(place.root, 'global'), { recursive: true });
    fs.rmSync(salvageDir(place), { recursive: true });
    fs.writeFileSync(path.join(place.root, 'recovery.signal'), '');
    writeJournal(place.odoDir, { version: 1, backupId: 'b', startedAt: '', places: [place], state: 'swapped' });
    expect((await take())?.salvage).toMatchObject({ commits: 3 });
  });

  it('is taken anew each time, also out of the spool, since a server may have written to it meanwhile', async () => {
    await take();
    fs.mkdirSync(spoolDir(place));
    fs.writeFileSync(path.join(spoolDir(place), second), 'of the take before');
    // What it had not written yet when it was taken first.
    fs.truncateSync(path.join(salvageDir(place), second), 8192);
    fs.truncateSync(path.join(salvageDir(place), second), MIB);
    expect((await take())?.salvage).toMatchObject({ commits: 3 });
    expect(aside()).toEqual([second]);
    expect(fs.statSync(path.join(spoolDir(place), second)).size).toBe(MIB);
  });

  it('is nothing any more where the server has used its file for other WAL', async () => {
    fs.mkdirSync(salvageDir(place), { recursive: true });
    fs.linkSync(path.join(place.root, 'pg_wal', second), path.join(salvageDir(place), nextSegmentName(second, MIB)));
    fs.rmSync(path.join(place.root, 'pg_wal', second));
    expect((await take())?.salvage).toBeUndefined();
    expect(aside()).toEqual([]);
  });

  it('comes into a spool that nobody feeds and that was filled before', async () => {
    fs.mkdirSync(spoolDir(place), { recursive: true });
    await take({ salvage: { isLater: true } });
    expect(fs.statSync(path.join(spoolDir(place), second)).size).toBe(MIB);
  });

  it('outlasts the deletion of the old data, and a clean-up of what was laid down then', async () => {
    await take();
    const journal = { version: 1 as const, backupId: 'b', startedAt: '', places: [place], wiped: true };
    writeJournal(place.odoDir, { ...journal, state: 'laying-down' });
    wipePlace(place);
    expect((await take())?.salvage).toMatchObject({ commits: 3 });
    await engine.discard(job.places);
    expect(aside()).toEqual([second, 'kept-1']);
    expect((await take())?.salvage).toMatchObject({ commits: 3 });
    // Of another job, which knows nothing of the deletion.
    const { wiped: _by, ...later } = journal;
    for (const state of ['laying-down', 'staged'] as const) {
      writeJournal(place.odoDir, { ...later, guarded: true, state });
      expect(await engine.clean(job.places)).toMatchObject({ keptSalvage: true });
      expect(aside()).toEqual([second, 'kept-1']);
    }
    await engine.clean(job.places);
    expect((await take())?.salvage).toMatchObject({ commits: 3 });
  });

  it('goes with a clean-up where it can be taken again', async () => {
    await take();
    expect(await engine.clean(job.places)).toMatchObject({ found: true });
    expect(aside()).toEqual([]);
    await take();
    writeJournal(place.odoDir, { version: 1, backupId: 'b', startedAt: '', places: [place], state: 'laying-down' });
    await engine.clean(job.places);
    expect(fs.existsSync(place.odoDir)).toBe(false);
  });

  describe('and nothing else, since that was deleted', () => {
    const journal = () => ({
      version: 1 as const,
      backupId: 'b',
      startedAt: '',
      places: [place],
      wiped: true,
      guarded: true,
    });
    /** Left by somebody who has promoted the restored server before it had replayed that. */
    const plantPromoted = (switchLsn: string) => {
      plantOld(place.root, SECOND_TIMELINE);
      for (const name of [first, second]) fs.rmSync(path.join(place.root, 'pg_wal', name));
      fs.writeFileSync(
        path.join(place.root, 'pg_wal/00000002.history'),
        `1\t${switchLsn}\tno recovery target specified\n`,
      );
      writeJournal(place.odoDir, { ...journal(), state: 'swapped' });
    };
    const finish = () => engine.finish({ places: job.places, keepPrevious: false, settings: 'remove' });
    const status = () => engine.status(job.places);

    beforeEach(async () => {
      await take();
      writeJournal(place.odoDir, { ...journal(), state: 'laying-down' });
      wipePlace(place);
    });

    it('is replayed by the next restore over a cluster begun there meanwhile, and outlasts clean-ups', async () => {
      await engine.clean(job.places);
      plantOld(place.root, ANOTHER_CLUSTER);
      expect(await status()).toMatchObject({ situation: 'untouched', keptSalvage: true });
      expect(adviceOn(await status())).toContain('odo clean --accept-loss removes it for good');
      expect(await engine.clean(job.places)).toMatchObject({ found: false, keptSalvage: true });
      for (const _again of [1, 2]) expect((await take())?.salvage).toMatchObject({ commits: 3 });
      expect(aside()).toEqual([second, 'kept-1'].sort());
    });

    it('is not fed to a restore of that other cluster, nor mixed with what is set aside of it', async () => {
      await engine.clean(job.places);
      plantOld(place.root, ANOTHER_CLUSTER);
      const backup = { ...job.backup, systemIdentifier: '77' };
      expect((await take({ backup }))?.salvage).toBeUndefined();
      expect(aside()).toEqual(['kept-1']);
      expect(await engine.clean(job.places)).toMatchObject({ keptSalvage: true });
      expect((await take())?.salvage).toMatchObject({ commits: 3 });
    });

    it('outlasts clean-ups of a deletion that was broken off', async () => {
      writeJournal(place.odoDir, { ...journal(), state: 'laying-down', wiping: true });
      plantOld(place.root);
      fs.rmSync(path.join(place.root, 'global/pg_control'));
      for (const _again of [1, 2]) expect(await engine.clean(job.places)).toMatchObject({ keptSalvage: true });
      expect(aside()).toEqual([second]);
    });

    it('outlasts a promotion that came before it was replayed, whatever is done then', async () => {
      plantPromoted(formatLsn(begin + BigInt(MIB)));
      expect(await status()).toMatchObject({ situation: 'used-alone', keptSalvage: true });
      expect((await take())?.salvage).toMatchObject({ commits: 3 });
      expect(await finish()).toMatchObject({ keptSalvage: true });
      plantPromoted(formatLsn(begin + BigInt(MIB)));
      expect(await engine.clean(job.places)).toMatchObject({ keptSalvage: true });
      expect((await take())?.salvage).toMatchObject({ commits: 3 });
    });

    it('goes when it was replayed, at the end of the restore or at a clean-up; and when it is given up', async () => {
      const endLsn = (await take())?.salvage?.endLsn ?? '';
      for (const end of [finish, () => engine.clean(job.places)]) {
        plantPromoted(endLsn);
        expect((await status()).keptSalvage).toBeUndefined();
        expect(await end()).not.toHaveProperty('keptSalvage');
        expect(fs.existsSync(place.odoDir)).toBe(false);
        plantOld(place.root);
        await take();
      }
      plantOld(place.root, ANOTHER_CLUSTER);
      expect(await engine.clean(job.places, { acceptLoss: true })).toMatchObject({ found: true });
      expect(aside()).toEqual([]);
    });
  });

  it('is not taken of another cluster, another timeline, or what a restore has put in place', async () => {
    expect(await take({ backup: { ...job.backup, systemIdentifier: '7' } })).toBeUndefined();
    const elsewhere = { ...job.wal, endSegment: `00000002${first.slice(8)}` } as LayDownJob['wal'];
    expect(await take({ wal: elsewhere })).toBeUndefined();
    const left = { ...job.wal, spans: [{ timeline: 1, firstSegment: first, lastSegment: first }] } as LayDownJob['wal'];
    expect(await take({ wal: left })).toBeUndefined();
    fs.mkdirSync(place.odoDir, { recursive: true });
    fs.writeFileSync(path.join(place.root, 'recovery.signal'), '');
    writeJournal(place.odoDir, { version: 1, backupId: 'b', startedAt: '', places: [place], state: 'swapped' });
    expect(await take()).toBeUndefined();
    expect(aside()).toEqual([]);
  });
});
