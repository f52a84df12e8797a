import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { unpackInto } from '../../../../src/stream/native/unpack-asset.ts';
import { scratchDirectory } from '../../parts/scratch-directory.ts';

const NATIVE = new URL('../../../../native/linux-x64.node', import.meta.url);

describe('code out of the single executable', () => {
  const content = fs.readFileSync(NATIVE);

  it('can be loaded, and leaves nothing behind', () => {
    const folder = scratchDirectory();
    const file = first(unpackInto([folder], content));
    const module = { exports: {} };
    process.dlopen(module, file);
    expect(module.exports).toHaveProperty('syncfs');
    expect(file).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('is never in a folder that somebody else could write to, nor under a name that was there before', () => {
    const folder = scratchDirectory();
    const write = vi.spyOn(fs, 'writeFileSync');
    first(unpackInto([folder], content));
    const [[file, , options]] = write.mock.calls as [[string, unknown, object]];
    write.mockRestore();
    expect(path.dirname(path.dirname(file))).toBe(folder);
    expect(options).toEqual({ mode: 0o600, flag: 'wx' });
  });

  it('goes to the next folder where one takes no files, or gives others back than it took', () => {
    const folder = scratchDirectory();
    const read = vi.spyOn(fs, 'readFileSync').mockReturnValueOnce(Buffer.from('other code'));
    const paths = unpackInto(['/proc/no-such-folder', scratchDirectory(), folder], content);
    const file = first(paths);
    read.mockRestore();
    expect(fs.readFileSync(file).equals(content)).toBe(true);
    expect(paths.next().done).toBe(true);
  });

  it('is let go where it could not be loaded', () => {
    const paths = unpackInto([scratchDirectory(), scratchDirectory()], content);
    const file = first(paths);
    const before = fs.readlinkSync(file);
    first(paths);
    expect(fs.existsSync(file) && fs.readlinkSync(file) === before).toBe(false);
  });
});

/** The generator is left as it is: a loop would end it. */
function first(paths: Generator<string>): string {
  return paths.next().value as string;
}
