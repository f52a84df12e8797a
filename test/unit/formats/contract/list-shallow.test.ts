import { expect, it } from 'vitest';
import { listShallow } from '../../../../src/formats/contract/list-shallow.ts';
import { mapLimit } from '../../../../src/map-limit.ts';
import { MemoryStore } from '../../parts/memory-store.ts';

it('lists two levels by one listing, and steps over what lies deeper', async () => {
  const objects: Record<string, string> = {
    'p/top': '',
    'p/a/1': '',
    'p/a/2': '',
    'p/b/x/y/z': '',
    'p/b/x0': '',
    'p/b/data/ü/1': '',
    'p/c/': '',
    'q/other': '',
  };
  for (let n = 0; n < 500; n++) objects[`p/b/data/${n}`] = '';
  const store = new MemoryStore(objects);
  const folders = await listShallow(store, 'p/');
  expect(folders.map(({ name, objects, folders }) => [name, objects.map(({ key }) => key), folders])).toEqual([
    ['a', ['p/a/1', 'p/a/2'], []],
    ['b', ['p/b/x0'], ['data', 'x']],
    ['', ['p/top'], []],
  ]);
  expect(store.requests).toEqual(['list p/', 'list p/ after p/b/data/~', 'list p/ after p/b/x/~']);
});

it('lists more than a page in slices, and finds all that one listing finds', async () => {
  const objects: Record<string, string> = { 'p/0': '', 'p/zz': '', 'q/other': '' };
  const expected = new Map<string, { objects: string[]; folders: string[] }>();
  for (let n = 0; n < 1500; n++) {
    const name = `20${String(n).padStart(4, '0')}T\u{1F418}`;
    const names = n % 7 === 0 ? [] : ['backup.info', 'data.tar', 'data_0001.tar'].slice(0, 1 + (n % 3));
    for (const file of names) objects[`p/${name}/${file}`] = '';
    if (n % 5 === 0) for (const file of ['1', '2', 'x/y']) objects[`p/${name}/data/${file}`] = '';
    // Objects named like folders, and a character that sorts between them and what is in them.
    if (n % 11 === 0) objects[`p/${name}`] = objects[`p/${name}-of-somebody`] = '';
    if (names.length > 0 || n % 5 === 0) expected.set(name, { objects: names, folders: n % 5 === 0 ? ['data'] : [] });
  }
  const store = new MemoryStore(objects);
  const listed = await listShallow(store, 'p/');
  const found = listed.filter(({ name }) => name !== '');
  expect(found.map(({ name }) => name)).toEqual([...expected.keys()]);
  for (const { name, objects, folders } of found) {
    expect({ objects: objects.map(({ key }) => key.slice(`p/${name}/`.length)), folders }).toEqual(expected.get(name));
  }
  const atTop = listed.find(({ name }) => name === '')?.objects.map(({ key }) => key);
  expect(atTop).toEqual([...store.objects.keys()].filter((key) => /^p\/[^/]+$/.test(key)));
  const slices = store.requests.filter((request) => !request.includes('/data/~'));
  expect(slices.length).toBeGreaterThan(5);
  expect(slices.length).toBeLessThan(15);
});

it('maps with a bound, in order, and stops at the first error', async () => {
  let running = 0;
  let most = 0;
  const doubled = await mapLimit([5, 4, 3, 2, 1], 2, async (n) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, n));
    running--;
    return 2 * n;
  });
  expect(doubled).toEqual([10, 8, 6, 4, 2]);
  expect(most).toBe(2);

  const begun: number[] = [];
  const failing = mapLimit([1, 2, 3, 4], 1, async (n) => {
    begun.push(n);
    if (n === 2) throw new Error('two');
  });
  await expect(failing).rejects.toThrow('two');
  expect(begun).toEqual([1, 2]);
});
