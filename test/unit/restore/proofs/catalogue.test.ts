import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIED_AFTER_MS } from '../../../../src/formats/barman/backup.ts';
import { listBackups, showBackup } from '../../../../src/restore/proofs/catalogue.ts';
import { fixtureStore } from '../../parts/fixture-store.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const { signal } = new AbortController();
const quietly = () => undefined;

/** A fixture as files of its keys and sizes, days old: their content where it is known, else holes. */
function fixtureDirectory(format: 'barman' | 'basebackup'): string {
  const root = scratchDirectory();
  const longAgo = new Date(Date.now() - 2 * DIED_AFTER_MS);
  for (const [key, { content, sizeBytes = 0 }] of fixtureStore(format).objects) {
    const file = path.join(root, key);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content ?? '');
    fs.truncateSync(file, sizeBytes);
    fs.utimesSync(file, longAgo, longAgo);
  }
  return root;
}

function request(url: string, server?: string) {
  return { store: { url }, ...(server === undefined ? {} : { server }) };
}

describe('the list of a folder with several barman servers', () => {
  it('has all of them, each with every backup and why it cannot be used', async () => {
    const root = fixtureDirectory('barman');
    const { repositories } = await listBackups(request(root), quietly, signal);
    expect(repositories.map(({ server, format, url }) => [server, format, url])).toEqual(
      ['pg15', 'pg17', 'pg18'].map((server) => [server, 'barman', `file://${root}/prefix/${server}/`]),
    );
    const states = repositories.map(({ backups }) => backups.map(({ state, usable }) => [state, usable]));
    expect(states).toMatchObject([
      [
        ['complete', true],
        ['complete', true],
      ],
      [
        ['failed', false],
        ['died', false],
        ['complete', true],
        ['complete', true],
      ],
      expect.any(Array),
    ]);
    for (const backup of repositories.flatMap(({ backups }) => backups)) {
      expect(backup.reason === undefined).toBe(backup.usable);
      if (backup.usable) expect(backup.ageSeconds).toBeGreaterThanOrEqual(0);
    }
  });

  it('tells the recoverable window over a change of timeline', async () => {
    const root = fixtureDirectory('barman');
    const { repositories } = await listBackups(request(root, 'pg17'), quietly, signal);
    const [pg17] = repositories;
    const [named, onTimeline2] = pg17?.backups.filter(({ usable }) => usable) ?? [];
    expect(pg17?.wal).toMatchObject({ segmentSizeBytes: 16 * 2 ** 20, unusable: [] });
    expect(pg17?.wal?.timelines).toMatchObject([
      { timeline: 1, stretches: [{ backupId: named?.id, fromLsn: named?.endLsn, fromTime: named?.endTime }] },
      { timeline: 2, branch: { timeline: 1 } },
    ]);
    expect(onTimeline2?.timeline).toBe(2);
  });

  it('is of one server when it is named, by its name or its folder', async () => {
    const root = fixtureDirectory('barman');
    for (const server of ['pg18', 'prefix/pg18', '/prefix/pg18/']) {
      const { repositories } = await listBackups(request(root, server), quietly, signal);
      expect(repositories.map((repository) => repository.server)).toEqual(['pg18']);
    }
    await expect(listBackups(request(root, 'pg16'), quietly, signal)).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringMatching(/no server 'pg16' .* pg15 .*pg17 .*pg18/),
    });
  });

  it('marks a complete backup without its WAL as not usable', async () => {
    const damaged = fixtureDirectory('barman');
    const before = await listBackups(request(damaged, 'pg15'), quietly, signal);
    const { beginWal, id } = before.repositories[0]?.backups.find(({ usable }) => usable) ?? {};
    const folder = path.join(damaged, 'prefix/pg15/wals', beginWal?.slice(0, 16) ?? '');
    for (const name of fs.readdirSync(folder)) if (name.startsWith(beginWal ?? '?')) fs.rmSync(path.join(folder, name));
    const after = await listBackups(request(damaged, 'pg15'), quietly, signal);
    const backup = after.repositories[0]?.backups.find((other) => other.id === id);
    expect(backup).toMatchObject({
      state: 'complete',
      usable: false,
      reason: expect.stringContaining(`the archive lacks ${beginWal}`),
    });
    expect(after.repositories[0]?.wal?.unusable).toEqual([{ id, reason: backup?.reason }]);
    expect(await showBackup(request(damaged, 'pg15'), id ?? '', quietly, signal)).toMatchObject({
      backup: { id, usable: false, reason: expect.stringContaining(`the archive lacks ${beginWal}`) },
    });
  });
});

describe('the list of sets', () => {
  it('has versions, positions and system identifiers, which few bytes of each set tell', async () => {
    const root = fixtureDirectory('basebackup');
    const { repositories } = await listBackups(request(root), quietly, signal);
    const backups = repositories.flatMap((repository) => repository.backups).filter(({ usable }) => usable);
    expect(backups.length).toBeGreaterThan(2);
    expect(repositories.every(({ wal }) => wal === undefined)).toBe(true);
    for (const backup of backups) {
      expect(backup).toMatchObject({
        postgresMajor: expect.any(Number),
        timeline: 1,
        beginLsn: expect.stringMatching(/^0\//),
      });
      if (backup.manifestKey !== undefined) expect(backup.endLsn).toMatch(/^0\//);
    }
  });

  it('counts a set with a damaged manifest as failed', async () => {
    const damaged = fixtureDirectory('basebackup');
    const manifest = path.join(damaged, 'backups/pg15/20251024T100000/backup_manifest');
    fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('WAL-Ranges', 'WAL-Stranges'));
    const { repositories } = await listBackups(request(damaged, 'pg15'), quietly, signal);
    expect(repositories[0]?.backups.find(({ id }) => id === '20251024T100000')).toMatchObject({
      state: 'failed',
      usable: false,
      reason: expect.stringContaining('backup_manifest'),
    });
  });
});

describe('one backup', () => {
  it('is the newest complete one, or the one of that id or name', async () => {
    const root = fixtureDirectory('barman');
    const { repositories } = await listBackups(request(root, 'pg17'), quietly, signal);
    const usable = repositories[0]?.backups.filter((backup) => backup.usable) ?? [];
    const latest = await showBackup(request(root, 'pg17'), 'latest', quietly, signal);
    expect(latest.backup).toEqual({ ...usable.at(-1), ageSeconds: expect.any(Number) });
    expect(latest.wal).toMatchObject({ source: 'archive', endSegment: expect.stringMatching(/^00000002/) });
    const named = await showBackup(request(root), 'nightly', quietly, signal);
    expect(named.backup).toMatchObject({ id: usable[0]?.id, name: 'nightly', usable: true });
  });

  it('is not shown when there is none of that id, or several servers could be meant', async () => {
    const root = fixtureDirectory('barman');
    await expect(showBackup(request(root, 'pg17'), 'nosuch', quietly, signal)).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringContaining("no backup 'nosuch'"),
    });
    await expect(showBackup(request(root), 'latest', quietly, signal)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/3 servers have backups: pg15 .*pg17 .*pg18/),
    });
  });
});
