import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../../src/cli/settings/version.ts';
import { anchorsOf, codeWordsOf, linksOf, wideLines } from '../parts/markdown.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const WIDTH = 120;
const README_BYTES = 10_240;
/** Nothing that people have written. */
const NOT_OURS = ['node_modules', 'dist', '.cache', '.git'];

const DOCUMENTS = documentsIn('');

function documentsIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.includes(name))
    .flatMap((entry) => {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) return documentsIn(name);
      return entry.isFile() && name.endsWith('.md') ? [name] : [];
    });
}

const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const isThere = (file: string) => fs.existsSync(path.join(ROOT, file));

/** What is wrong with where a link leads; undefined: nothing. */
function faultOf(target: string, document: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const place = file === '' ? document : path.join(path.dirname(document), file);
  if (place.startsWith('..') || !isThere(place)) return `${target}: there is no ${place}`;
  if (anchor === undefined) return undefined;
  return anchorsOf(read(place)).includes(anchor) ? undefined : `${target}: ${place} has no such heading`;
}

/** A word that names a file of the repository from its root, or from `src`. */
function isFileName(word: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)+\.(ts|mjs|cjs|c|h|sh|md|json|wasm|node)$/.test(word) && !/^(dist|\.odo)\//.test(word);
}

describe('the documents', () => {
  it('are found, wherever they lie', () => {
    expect(DOCUMENTS).toEqual(expect.arrayContaining(['README.md', 'docs/guides/service-lost.md', 'native/README.md']));
  });

  it.each(DOCUMENTS)(`have no line above ${WIDTH} characters: %s`, (file) => {
    expect(wideLines(read(file), WIDTH).map(({ number, text }) => `${number}: ${text}`)).toEqual([]);
  });

  it.each(DOCUMENTS)('have links that lead somewhere: %s', (file) => {
    const faults = linksOf(read(file)).map(({ number, target }) => [number, faultOf(target, file)]);
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });

  it.each(DOCUMENTS)('name files that there are: %s', (file) => {
    const words = codeWordsOf(read(file)).filter(({ word }) => isFileName(word));
    expect(words.filter(({ word }) => !isThere(word) && !isThere(path.join('src', word)))).toEqual([]);
  });

  it.each(DOCUMENTS)('name the image of this version: %s', (file) => {
    const versions = [...read(file).matchAll(/\bodo:(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
    expect(versions.filter((version) => version !== VERSION)).toEqual([]);
  });

  it('begin with a README that is soon read', () => {
    expect(Buffer.byteLength(read('README.md'))).toBeLessThan(README_BYTES);
  });
});

describe('the promises', () => {
  const page = read('docs/explanation/promises.md');
  const rows = page.split('\n').filter((line) => /^\| (?!promise|---)/.test(line));

  it('are each held by tests', () => {
    expect(rows.length).toBeGreaterThan(30);
    const unheld = rows.filter((row) => !linksOf(row).some(({ target }) => target.startsWith('../../test/')));
    expect(unheld).toEqual([]);
  });
});
