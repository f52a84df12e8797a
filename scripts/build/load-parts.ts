import type vm from 'node:vm';
import type zlib from 'node:zlib';

/** How Node wraps a CommonJS module, with the URL of the program instead of `import.meta.url`. */
export type LoadablePart = (
  module: { exports: object },
  exports: object,
  require: (id: string) => object,
  odoPlace: string,
) => void;

/**
 * Runs a program that comes in parts, which require each other as `./NAME`; `./main.js` begins it. A part that is a
 * text is packed by gzip, in base64: it is neither read nor compiled before it is asked for. The text of this function
 * stands in the program itself, so it may use nothing from outside.
 * @param require of Node's own modules
 */
export function loadParts(
  parts: Readonly<Record<string, LoadablePart | string>>,
  require: (id: string) => object,
  odoPlace: string,
): void {
  const loaded = new Map<string, { exports: object }>();
  load('./main.js');

  function load(id: string): object {
    if (!id.startsWith('./')) return require(id);
    const name = id.slice(2);
    let module = loaded.get(name);
    if (module === undefined) {
      module = { exports: {} };
      loaded.set(name, module);
      const part = parts[name] as LoadablePart | string;
      (typeof part === 'string' ? compile(part, name) : part)(module, module.exports, load, odoPlace);
    }
    return module.exports;
  }

  function compile(packed: string, name: string): LoadablePart {
    const { gunzipSync } = require('node:zlib') as typeof zlib;
    const text = gunzipSync(Buffer.from(packed, 'base64')).toString('latin1');
    const { compileFunction } = require('node:vm') as typeof vm;
    const names = ['module', 'exports', 'require', 'odoPlace', '__filename', '__dirname'];
    return compileFunction(text, names, { filename: `odo/${name}` }) as LoadablePart;
  }
}
