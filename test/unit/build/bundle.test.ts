import { beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundleProgram, type Part, withNeeds } from '../../../scripts/build/bundle.ts';

describe('the bundle', () => {
  let bundle: Bundle;

  beforeAll(async () => {
    bundle = await bundleProgram();
  });

  /** All that is loaded when a part is asked for whose name begins like this. */
  function loadedWith(beginning: string): string {
    const names = bundle.parts.map(({ name }) => name).filter((name) => name.startsWith(beginning));
    expect(names).toHaveLength(1);
    return textOf(withNeeds(bundle.parts, names[0] as string));
  }

  const textOf = (parts: Iterable<Part>) => [...parts].map(({ text }) => text).join('\n');

  it('begins with the main part, and has little to read at each start', () => {
    const atStart = loadedWith('main.js');
    expect(atStart).toContain('outliveTerminal');
    expect(atStart.length).toBeLessThan(40_000);
    expect(atStart).not.toContain('YargsInstance');
  });

  it('gives what is imported of a CommonJS library by its names', () => {
    const library = bundle.parts.find(({ name }) => name.startsWith('index.umd-'));
    expect(library?.text).toContain('createCRC32');
    expect(library?.text).toMatch(/module\.exports=module\.exports\.default;$/);
  });

  it('reads neither the AWS SDK nor what a restore does for odo status', () => {
    const status = loadedWith('volume-');
    // It is found where it is.
    expect(status).toContain('volumeStatus');
    for (const of of ['paginateListObjectsV2', 'pruneImages', 'YargsInstance']) {
      expect(textOf(bundle.parts)).toContain(of);
      expect(status).not.toContain(of);
    }
    expect(loadedWith('restore-')).toContain('intoCopy');
    expect(status).not.toContain('intoCopy');
  });

  it('says nothing of where it was built, and names the licences of what is in it', () => {
    expect(textOf(bundle.parts)).not.toContain(process.cwd());
    expect(textOf(bundle.parts)).not.toMatch(/\.\.\/[\w./-]*node_modules/);
    expect(bundle.licences.match(/^bowser\/bowser\.mjs:$/gm)).toHaveLength(1);
  });
});
