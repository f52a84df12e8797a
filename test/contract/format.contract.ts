import { describe, expect, it } from 'vitest';
import type { Backup, BackupFacts, Format, Unit, WalFile } from '../../src/formats/contract/format.ts';
import { lookInto } from '../../src/formats/contract/look.ts';
import { findRepositories, openContent } from '../../src/formats/registry/registry.ts';
import { isHistoryName, isSegmentName } from '../../src/postgres/terms/wal-names.ts';
import type { MemoryStore } from '../unit/parts/memory-store.ts';

/** A repository that the format's own tool has made, to try the format on. */
export interface FormatUnderTest {
  format: Format;
  /** The repository in a store of its own. */
  open(): MemoryStore;
  /** Its key prefix, and those of further repositories beside it. */
  roots: readonly [string, ...string[]];
  /** The folder of one backup. */
  folderOf(root: string, backup: Backup): string;
  /** Nothing tells how many numbered objects there were, so that the last of several can be missing unseen. */
  countsNothing?: boolean;
  /** Folders of other formats, which are not to be taken for it. */
  others: readonly { store: MemoryStore; prefix: string }[];
}

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

/** As it travels to the container. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** What every format does. */
export function formatContract(name: string, subject: FormatUnderTest): void {
  const { format, roots, folderOf, others } = subject;
  const [root] = roots;
  const isComplete = ({ state }: Backup) => state === 'complete';

  async function newest(store: MemoryStore): Promise<Backup> {
    const backup = (await (await format.open(store, root)).catalogue()).findLast(isComplete);
    if (!backup) throw new Error('the fixture has no complete backup');
    return backup;
  }

  function factsOf({ parts: _parts, ...facts }: Backup): BackupFacts {
    return sent(facts);
  }

  describe(`${name}, as a format`, () => {
    it('is found from its own folder, from above, and from a backup', async () => {
      const store = subject.open();
      const { repositories } = await findRepositories(store, root);
      // Where each backup is a repository of its own, all of them lie in it.
      for (const { ref } of repositories) expect(ref).toMatchObject({ format: format.name });
      const above = await findRepositories(store, root.split('/')[0] ?? '');
      for (const one of roots) expect(above.repositories.map(({ ref }) => ref.root)).toContain(one);
      const backup = await newest(store);
      const inside = await findRepositories(store, folderOf(root, backup));
      expect(inside.backupId).toBe(backup.id);
      expect(inside.repositories.map(({ ref }) => ref)).toEqual([{ format: format.name, root }]);
    });

    it('is not found in a folder of another format, nor in an empty one', async () => {
      for (const { store, prefix } of others) {
        expect(await format.recognise(store, await lookInto(store, prefix))).toBeUndefined();
      }
      const empty = { prefix: 'nothing/', objects: [], folders: [] };
      expect(await format.recognise(subject.open(), empty)).toBeUndefined();
    });

    it.each(roots)('catalogues %s: oldest first, each by an id of its own, in plain JSON', async (one) => {
      const backups = await (await format.open(subject.open(), one)).catalogue();
      expect(backups.length).toBeGreaterThan(0);
      expect(sent(backups)).toEqual(backups);
      expect(new Set(backups.map(({ id }) => id)).size).toBe(backups.length);
      const times = backups.flatMap(({ endTime }) => endTime ?? []);
      expect(times).toEqual([...times].sort());
      for (const backup of backups) {
        expect(backup.format).toBe(format.name);
        if (!isComplete(backup)) expect(backup.reason).toMatch(/\w/);
        else {
          expect(backup).toMatchObject({ timeline: expect.any(Number), endTime: expect.stringMatching(/Z$/) });
          expect(isSegmentName(backup.beginWal ?? '')).toBe(true);
          expect(backup.parts[0]?.role).toBe('base');
        }
      }
    });

    it('says of a backup that it is not complete when any of its objects is gone', async () => {
      const whole = await newest(subject.open());
      const last = subject.countsNothing === true && whole.parts.length > 1 ? whole.parts.at(-1)?.key : undefined;
      for (const { key } of whole.parts.filter((part) => part.key !== last)) {
        const store = subject.open();
        store.objects.delete(key);
        const backups = await (await format.open(store, root)).catalogue();
        expect(backups.filter(isComplete).map(({ id }) => id)).not.toContain(whole.id);
      }
    });

    it('describes a backup without changing which it is', async () => {
      const store = subject.open();
      const repository = await format.open(store, root);
      const backup = await newest(store);
      const described = await repository.describe(backup);
      expect(sent(described)).toEqual(described);
      expect(described).toMatchObject({ id: backup.id, state: 'complete', parts: backup.parts });
      expect(described.postgresMajor).toBeGreaterThanOrEqual(13);
    });

    it('opens content from the facts alone: numbered units, all there, those of PGDATA first', async () => {
      const store = subject.open();
      const facts = factsOf(await newest(store));
      const content = await format.content(store, root, facts, {});
      const units: Unit[] = await collect(content.units());
      expect(units).toHaveLength(content.count);
      expect(units.map(({ ordinal }) => ordinal)).toEqual([...units.keys()]);
      for (const { key, sizeBytes } of units) expect((await store.head(key))?.sizeBytes).toBe(sizeBytes);
      const roles = units.map(({ role }) => role);
      expect(roles.lastIndexOf('base')).toBe(roles.filter((role) => role === 'base').length - 1);
      expect(await collect(content.units())).toEqual(units);
    });

    it('has one digest for the same content, and another as soon as any object has changed', async () => {
      const store = subject.open();
      const facts = factsOf(await newest(store));
      const { digest } = await format.content(store, root, facts, {});
      expect((await format.content(subject.open(), root, facts, {})).digest).toBe(digest);
      const ref = { format: format.name, root };
      for (const { key } of await collect((await format.content(store, root, facts, {})).units())) {
        const changed = subject.open();
        Object.assign(changed.objects.get(key) ?? {}, { etag: '"another"' });
        await expect(openContent(changed, ref, facts, digest)).rejects.toMatchObject({ code: 'backupIncomplete' });
      }
    });

    it('has no units for a backup that is no longer there', async () => {
      const store = subject.open();
      const backup = await newest(store);
      const folder = folderOf(root, backup);
      for (const key of [...store.objects.keys()]) if (key.startsWith(folder)) store.objects.delete(key);
      const content = await format.content(store, root, factsOf(backup), {});
      expect([content.count, await collect(content.units())]).toEqual([0, []]);
    });

    it('has an archive, or says of each backup that it brings its own WAL', async () => {
      const store = subject.open();
      const archive = await format.walArchive(store, root);
      const backups = (await (await format.open(store, root)).catalogue()).filter(isComplete);
      expect(new Set(backups.map(({ wal }) => wal))).toEqual(new Set([archive ? 'archive' : 'included']));
    });

    it.each(roots)('lists the archive of %s in order, whole and in slices', async (one) => {
      const archive = await format.walArchive(subject.open(), one);
      if (!archive) return;
      const timelines = await archive.timelines();
      expect(timelines).toEqual([...timelines].sort((a, b) => a - b));
      const names = (files: readonly WalFile[]) => files.map((file) => file.name);
      const all: string[] = [];
      for (const timeline of timelines) {
        const first = `${timeline.toString(16).toUpperCase().padStart(8, '0')}0000000000000000`;
        const found = names(await collect(archive.segments(timeline, first)));
        expect(found.every(isSegmentName)).toBe(true);
        expect(found).toEqual([...found].sort());
        // From a segment on, that one is the first.
        const middle = found[Math.floor(found.length / 2)] ?? first;
        expect(names(await collect(archive.segments(timeline, middle)))).toEqual(
          found.filter((each) => each >= middle),
        );
        all.push(...found);
      }
      const slices = await Promise.all((await archive.slices(3)).map(collect));
      expect(slices.length).toBeLessThanOrEqual(3);
      expect(names(slices.flat())).toEqual(all);
      const histories = names(await archive.histories());
      expect(histories.every(isHistoryName)).toBe(true);
      expect(histories).toEqual([...histories].sort());
    });

    it('ends a listing that is cancelled', async () => {
      const repository = await format.open(subject.open(), root);
      await expect(repository.catalogue(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
}
