import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListedEntry, ObjectStore } from '../../src/store/objects/object-store.ts';
import { readRanged } from '../../src/store/reading/ranged-read.ts';
import { readHead, readWhole } from '../../src/store/reading/read-whole.ts';

/** What a store is tried in: an empty root of its own. */
export interface StoreUnderTest {
  store: ObjectStore;
  put(key: string, content: Buffer): Promise<void>;
  /** A store whose bucket or directory does not exist. */
  missing: ObjectStore;
  remove(): Promise<void>;
}

const MANY = 1500;

/** In what a store is known to fall short of the others. */
export interface Limits {
  /** It lists no folders, only what a backup set may hold, and so cannot tell a missing folder from an empty one. */
  listsSetsOnly?: boolean;
}

/** What every store does, but for its known limits. */
export function objectStoreContract(name: string, prepare: () => Promise<StoreUnderTest>, limits: Limits = {}): void {
  describe(`${name}, as an object store`, () => {
    let subject: StoreUnderTest;
    let store: ObjectStore;
    const listing = limits.listsSetsOnly ? () => undefined : test;
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
    const large = Buffer.alloc(6_000_000, content.subarray(0, 99_991));

    beforeAll(async () => {
      subject = await prepare();
      store = subject.store;
      // In UTF-8 order, which is not JavaScript's: '\u{1F418}' comes after '\uFF5E'. '-' sorts before '/', '0' after
      // it.
      for (const key of [
        'tree/a-b',
        'tree/a/1',
        'tree/a/deep/er',
        'tree/a0',
        'tree/b c+d&e',
        'tree/\uFF5E',
        'tree/\u{1F418}',
      ]) {
        await subject.put(key, Buffer.from(key));
      }
      await subject.put('treeish', Buffer.from('beside'));
      await subject.put('bytes', content);
      await subject.put('base.tar.gz', content);
      await subject.put('empty', Buffer.alloc(0));
      await subject.put('large', large);
      const names = limits.listsSetsOnly ? [] : Array.from({ length: MANY }, (_, index) => nameOfMany(index));
      await Promise.all(
        Array.from({ length: 30 }, async () => {
          for (let next = names.pop(); next; next = names.pop()) await subject.put(next, Buffer.from('x'));
        }),
      );
    });
    afterAll(async () => {
      store?.close();
      subject?.missing.close();
      await subject?.remove();
    });

    listing('lists everything below a prefix in the order of the keys’ bytes', async () => {
      expect(keys(await gather(store.list('tree/')))).toEqual([
        'tree/a-b',
        'tree/a/1',
        'tree/a/deep/er',
        'tree/a0',
        'tree/b c+d&e',
        'tree/\uFF5E',
        'tree/\u{1F418}',
      ]);
    });

    listing('takes a prefix as the beginning of a key, not as a folder', async () => {
      expect(keys(await gather(store.list('tree/a/d')))).toEqual(['tree/a/deep/er']);
      expect(keys(await gather(store.list('treei')))).toEqual(['treeish']);
      expect(await gather(store.list('tree/nothing'))).toEqual([]);
      expect(await gather(store.list('nothing/at/all/'))).toEqual([]);
    });

    listing('folds what lies deeper into prefixes when a delimiter is given', async () => {
      expect(keys(await gather(store.list('tree/', { delimiter: '/' })))).toEqual([
        'tree/a-b',
        'tree/a/',
        'tree/a0',
        'tree/b c+d&e',
        'tree/\uFF5E',
        'tree/\u{1F418}',
      ]);
      expect(keys(await gather(store.list('', { delimiter: '/' })))).toEqual([
        'base.tar.gz',
        'bytes',
        'empty',
        'large',
        'many/',
        'tree/',
        'treeish',
      ]);
      expect(keys(await gather(store.list('tree', { delimiter: '/' })))).toEqual(['tree/', 'treeish']);
    });

    listing('begins after a given key, whether it exists or not', async () => {
      expect(keys(await gather(store.list('tree/', { startAfter: 'tree/a/1' })))[0]).toBe('tree/a/deep/er');
      expect(keys(await gather(store.list('tree/', { startAfter: 'tree/a/zzz' })))[0]).toBe('tree/a0');
      expect(keys(await gather(store.list('tree/', { startAfter: 'tree/b c+d&e', delimiter: '/' })))).toEqual([
        'tree/\uFF5E',
        'tree/\u{1F418}',
      ]);
      expect(await gather(store.list('tree/', { startAfter: 'tref' }))).toEqual([]);
    });

    listing('lists more than a page', async () => {
      const expected = Array.from({ length: MANY }, (_, index) => nameOfMany(index));
      expect(keys(await gather(store.list('many/')))).toEqual(expected);
      expect(keys(await gather(store.list('many/', { startAfter: nameOfMany(1233) })))).toEqual(expected.slice(1234));
    });

    test('gives chunks that stay as they are while others come, from several reads at once', async () => {
      const bodies = await Promise.all(
        [0, 1_000_001, 2_000_002].map(async (offset) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of await store.read('large', { offset })) chunks.push(chunk);
          return { offset, body: Buffer.concat(chunks) };
        }),
      );
      for (const { offset, body } of bodies) expect(body.equals(large.subarray(offset))).toBe(true);
    });

    test('tells the same of an object in a listing and in a HEAD', async () => {
      const found = await store.head('bytes');
      expect(found).toMatchObject({ key: 'bytes', sizeBytes: content.length });
      expect(found?.etag).toMatch(/^[^"]+$/);
      for (const key of ['bytes', 'base.tar.gz']) {
        if (key === 'bytes' && limits.listsSetsOnly) continue;
        const [listed] = await gather(store.list(key));
        const { etag } = (await store.head(key)) ?? {};
        expect(listed).toMatchObject({ kind: 'object', key, sizeBytes: content.length, etag });
      }
      expect(Math.abs((found?.lastModified?.getTime() ?? 0) - Date.now())).toBeLessThan(600_000);
    });

    test('has no object where there is none, nor where there is only a folder', async () => {
      expect(await store.head('nothing')).toBeUndefined();
      expect(await store.head('tree')).toBeUndefined();
      expect(await store.head('bytes/below')).toBeUndefined();
      await expect(store.read('nothing').then(gather)).rejects.toMatchObject({
        code: 'notFound',
        message: expect.stringContaining('nothing'),
      });
    });

    test('reads whole objects and ranges of them', async () => {
      expect(await bytesOf(store, 'bytes')).toEqual(content);
      expect(await bytesOf(store, 'bytes', { offset: 17 })).toEqual(content.subarray(17));
      expect(await bytesOf(store, 'bytes', { length: 5 })).toEqual(content.subarray(0, 5));
      expect(await bytesOf(store, 'bytes', { offset: 99_000, length: 500 })).toEqual(content.subarray(99_000, 99_500));
      expect(await bytesOf(store, 'bytes', { offset: 3, length: 0 })).toHaveLength(0);
      expect(await bytesOf(store, 'empty')).toHaveLength(0);
    });

    test('gives what there is when a range goes beyond the end', async () => {
      expect(await bytesOf(store, 'bytes', { offset: 99_990, length: 500 })).toEqual(content.subarray(99_990));
      expect(await bytesOf(store, 'bytes', { offset: 100_000 })).toHaveLength(0);
      expect(await bytesOf(store, 'bytes', { offset: 200_000, length: 10 })).toHaveLength(0);
      expect(await bytesOf(store, 'empty', { offset: 0, length: 10 })).toHaveLength(0);
    });

    test('reads by the parts of a ranged read', async () => {
      const object = await store.head('bytes');
      if (!object) throw new Error('no object to read');
      expect(Buffer.concat(await gather(readRanged(store, object, { partSizeBytes: 7_000, connections: 4 })))).toEqual(
        content,
      );
      expect(await readWhole(store, 'bytes')).toEqual(content);
      expect(await readWhole(store, 'empty')).toHaveLength(0);
      expect(await readHead(store, 'bytes', 300)).toEqual(content.subarray(0, 300));
      await expect(readWhole(store, 'bytes', { maxBytes: 99_999 })).rejects.toMatchObject({ code: 'dataCorrupt' });
      await expect(readWhole(store, 'nothing')).rejects.toMatchObject({ code: 'notFound' });
    });

    test('does not read an object that has changed', async () => {
      await subject.put('changing', Buffer.from('first'));
      const before = await store.head('changing');
      if (!before?.etag) throw new Error('no etag to pin');
      expect(await bytesOf(store, 'changing', { etag: before.etag })).toEqual(Buffer.from('first'));
      await subject.put('changing', Buffer.from('second'));
      const changed = { code: 'dataCorrupt', message: expect.stringContaining('changed while it was being read') };
      await expect(store.read('changing', { etag: before.etag }).then(gather)).rejects.toMatchObject(changed);
      await expect(gather(readRanged(store, before))).rejects.toMatchObject(changed);
      await subject.put('changing', Buffer.from('third, and longer than before'));
    });

    test('stops when it is told to', async () => {
      const aborted = AbortSignal.abort();
      await expect(store.read('bytes', { signal: aborted }).then(gather)).rejects.toMatchObject({ code: 'cancelled' });
      await expect(gather(store.list('', { signal: aborted }))).rejects.toMatchObject({ code: 'cancelled' });
    });

    test('says so when the bucket or directory itself is missing', async () => {
      if (!limits.listsSetsOnly)
        await expect(gather(subject.missing.list(''))).rejects.toMatchObject({ code: 'notFound' });
      await expect(subject.missing.read('key').then(gather)).rejects.toMatchObject({ code: 'notFound' });
    });
  });
}

function nameOfMany(index: number): string {
  return `many/${String(index).padStart(5, '0')}`;
}

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = [];
  for await (const item of items) gathered.push(item);
  return gathered;
}

function keys(entries: ListedEntry[]): string[] {
  return entries.map((entry) => (entry.kind === 'object' ? entry.key : entry.prefix));
}

async function bytesOf(
  store: ObjectStore,
  key: string,
  options: { offset?: number; length?: number; etag?: string } = {},
): Promise<Buffer> {
  return Buffer.concat(await gather(await store.read(key, options)));
}
