import { createRequire } from 'node:module';
import vm from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bundle, Part } from '../../../scripts/build/bundle.ts';
import { DIGEST_PLACE } from '../../../scripts/build/bundle.ts';
import { packProgram } from '../../../scripts/build/pack.ts';

const NATIVE = Buffer.from('code');

const part = (name: string, text: string, needs: string[] = []): Part => ({ name, text, needs });

/** `main.js` needs `always.js`, and asks for `later.js` when it is told to. */
const bundle = (told: boolean, build = DIGEST_PLACE): Bundle => ({
  licences: '',
  parts: [
    part('always.js', `globalThis.told.push('always'); exports.build = '${build}';`),
    part(
      'later.js',
      "globalThis.told.push('later', require('./always.js').build, require('node:path').sep, odoPlace);",
    ),
    part(
      'main.js',
      `require('./always.js'); globalThis.told.push('main'); if (${told}) for (const _ of 'ab') require('./later.js');`,
      ['always.js'],
    ),
  ],
});

function run(script: string): { told: string[]; required: string[] } {
  const told: string[] = [];
  const required: string[] = [];
  const ofNode = createRequire(import.meta.url);
  const require = (id: string) => {
    required.push(id);
    return ofNode(id);
  };
  vi.stubGlobal('told', told);
  vm.compileFunction(script, ['require', 'process'])(require, { execPath: '/opt/odo' });
  return { told, required };
}

describe('a packed program', () => {
  afterEach(() => void vi.unstubAllGlobals());

  it('reads a part when it is asked for, and once', () => {
    expect(run(packProgram(bundle(false), NATIVE).script)).toEqual({
      told: ['always', 'main'],
      required: ['node:url'],
    });
    const { script, digest } = packProgram(bundle(true), NATIVE);
    expect(run(script).told).toEqual(['always', 'main', 'later', digest, '/', 'file:///opt/odo']);
  });

  it('has the parts that are not needed at each start as packed text', () => {
    const { script } = packProgram(bundle(true), NATIVE);
    expect(script).toContain("told.push('always')");
    expect(script).not.toContain("told.push('later'");
  });

  it('has one digest in both forms, which every part and the native code count for', () => {
    const { module, script, digest } = packProgram(bundle(true), NATIVE);
    expect(digest).toMatch(/^[0-9a-f]{12}$/);
    for (const form of [module, script]) expect(form).toContain(`exports.build = '${digest}'`);
    expect(packProgram(bundle(true), NATIVE).digest).toBe(digest);
    expect(packProgram(bundle(true), Buffer.from('other')).digest).not.toBe(digest);
    expect(packProgram(bundle(false), NATIVE).digest).not.toBe(digest);
  });

  it('is refused without a place for the digest, and where text would not come back as it is', () => {
    expect(() => packProgram(bundle(true, 'none'), NATIVE)).toThrow('holds the place of its digest 0 times');
    expect(() => packProgram(bundle(true, `${DIGEST_PLACE} – ß`), NATIVE)).toThrow('always.js is not ASCII');
  });
});
