import { describe, expect, it } from 'vitest';
import { barman } from '../../../../src/formats/barman/barman.ts';
import { openBarmanWalArchive } from '../../../../src/formats/barman/wal-archive.ts';
import { basebackup } from '../../../../src/formats/basebackup/basebackup.ts';
import type { Backup } from '../../../../src/formats/contract/format.ts';
import { planWal } from '../../../../src/wal/plan/plan-wal.ts';
import { surveyWal } from '../../../../src/wal/timelines/survey-wal.ts';
import { fixtureStore, folderNames } from '../../parts/fixture-store.ts';
import { type MemoryObject, MemoryStore } from '../../parts/memory-store.ts';
import { segment } from '../../parts/named-archive.ts';

const CLASS = 'DEEP_ARCHIVE';

/** Puts the objects of which the key ends so into an archive. */
function archiving(pattern: RegExp, isBroughtBack = false) {
  return (objects: Map<string, MemoryObject>) => {
    for (const [key, object] of objects)
      if (pattern.test(key)) Object.assign(object, { archived: CLASS, isBroughtBack });
  };
}

describe('backups of which something lies in an archive storage class', () => {
  const FORMATS = [
    ['barman', barman, 'prefix/pg15/', 'prefix/pg15/base/', ['backup.info', 'data.*']],
    ['basebackup', basebackup, 'backups/pg15/', 'backups/pg15/', ['base.tar.gz', '16384.tar.gz']],
  ] as const;

  it.each(
    FORMATS.flatMap(([name, format, root, folders, files]) =>
      files.map((file) => [name, file, format, root, folders] as const),
    ),
  )('are at fault alone: %s, %s', async (name, file, format, root, folders) => {
    const [first] = folderNames(fixtureStore(name), folders);
    const store = fixtureStore(name, archiving(new RegExp(`/${first}/${file}$`)));
    const backups = await (await format.open(store, root)).catalogue();
    const [bad, ...others] = [...backups].sort((a, b) => (a.id === first ? -1 : b.id === first ? 1 : 0));
    expect(bad?.state).not.toBe('complete');
    expect(bad?.reason).toMatch(/archive storage class/);
    expect(bad?.reason).toMatch(/aws s3api restore-object/);
    expect(others.length).toBeGreaterThan(0);
    expect(others.map(({ state }) => state)).toContain('complete');
  });

  it.each(FORMATS)('are as good as any when all was brought back: %s', async (name, format, root) => {
    const states = async (store: MemoryStore) =>
      (await (await format.open(store, root)).catalogue()).map(({ id, state }) => [id, state]);
    expect(await states(fixtureStore(name, archiving(/./, true)))).toEqual(await states(fixtureStore(name)));
  });

  it.each(FORMATS)('are the fault of the keys when none at all can be read: %s', async (name, format, root) => {
    const store = fixtureStore(name, archiving(/(backup\.info|base\.tar\S*)$/));
    await expect((await format.open(store, root)).catalogue()).rejects.toMatchObject({ code: 'accessDenied' });
  });
});

describe('WAL of which something lies in an archive storage class', () => {
  const BACKUP: Backup = {
    id: 'b1',
    format: 'barman',
    state: 'complete',
    tablespaces: [],
    parts: [],
    wal: 'archive',
    timeline: 1,
    beginWal: segment(1, 2),
    endWal: segment(1, 3),
    endLsn: '0/3000100',
  };

  /** Segments 1 to 9, of which some are archived. */
  function archive(archived: readonly number[], isBroughtBack = false) {
    const objects = Array.from({ length: 9 }, (_, index): [string, MemoryObject] => [
      `wals/0000000100000000/${segment(1, index + 1)}`,
      { content: Buffer.from('x'), ...(archived.includes(index + 1) ? { archived: CLASS, isBroughtBack } : {}) },
    ]);
    const store = new MemoryStore(new Map(objects));
    return { store, wal: openBarmanWalArchive(store, '') };
  }

  it.each([[[7]], [[2, 8, 9]]])('is refused before anything is touched, with how much it is: %j', async (archived) => {
    const { store, wal } = archive(archived);
    const named = `${segment(1, archived[0] as number)}${archived.length === 1 ? ' lies' : ' the first'}`;
    await expect(planWal(store, wal, BACKUP)).rejects.toMatchObject({
      code: 'backupIncomplete',
      message: expect.stringMatching(`(${archived.length} objects.*|WAL to replay, s3.*)${named}.*DEEP_ARCHIVE`),
      hint: expect.stringContaining('restore-object'),
    });
  });

  it('does not matter before the backup, nor when it was brought back', async () => {
    for (const { store, wal } of [archive([1]), archive([1, 2, 3, 4], true)]) {
      await expect(planWal(store, wal, BACKUP)).resolves.toMatchObject({ endSegment: segment(1, 9), segments: 8 });
    }
  });

  it('is as good as missing in a list, which says why', async () => {
    const { store, wal } = archive([4, 5]);
    const { runs, problems } = await surveyWal(store, wal, 16 << 20);
    expect(runs.get(1)).toMatchObject([
      { firstNumber: 1, lastNumber: 3 },
      { firstNumber: 6, lastNumber: 9 },
    ]);
    expect(problems).toEqual([
      expect.stringMatching(/^of the WAL, 2 objects, .*000004 the first of them.*DEEP_ARCHIVE/),
    ]);
    // Whether they were brought back is not asked for each, when it is clear.
    expect(store.requests.filter((request) => request.startsWith('head')).length).toBeLessThanOrEqual(3);
    const back = archive([4, 5], true);
    expect(await surveyWal(back.store, back.wal, 16 << 20)).toMatchObject({ problems: [] });
  });
});
