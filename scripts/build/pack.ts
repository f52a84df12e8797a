import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Bundle, DIGEST_PLACE, withNeeds } from './bundle.ts';
import { loadParts } from './load-parts.ts';

/** The program as one text, in the two forms that it is run in. */
export interface Program {
  /** An ES module, for Node. */
  module: string;
  /** A CommonJS module, for the single executable. */
  script: string;
  /** The same in both: what command and image know each other by. See src/restore/engine/build.ts. */
  digest: string;
}

/** Packs a bundle into one text. The native code counts for the digest, too. */
export function packProgram({ parts }: Bundle, native: Uint8Array): Program {
  const hash = createHash('sha256');
  let places = 0;
  for (const { name, text } of parts) {
    hash.update(name).update(text);
    places += text.split(DIGEST_PLACE).length - 1;
  }
  if (places !== 1) throw new Error(`the program holds the place of its digest ${places} times`);
  const digest = hash.update(`${loadParts}`).update(native).digest('hex').slice(0, 12);

  const atStart = withNeeds(parts, 'main.js');
  const entries = parts.map((part) => {
    const { name, text } = part;
    const content = text.replace(DIGEST_PLACE, digest).trim();
    // Otherwise not all of it would come back as it is.
    if (!isAscii(content)) throw new Error(`part ${name} is not ASCII`);
    return `${JSON.stringify(name)}:${atStart.has(part) ? asFunction(content) : JSON.stringify(packed(content))}`;
  });
  // All parts are in one file, so that a program at work needs no file that an update may replace meanwhile.
  const load = `(${loadParts})({\n${entries.join(',\n')}\n}, `;
  return {
    module:
      `#!/usr/bin/env node\nimport { createRequire } from 'node:module';\n` +
      `${load}createRequire(import.meta.url), import.meta.url);\n`,
    script: `${load}require, require('node:url').pathToFileURL(process.execPath).href);\n`,
    digest,
  };
}

function asFunction(text: string): string {
  // In brackets, V8 compiles it at once, instead of looking through it first and compiling it then.
  return `(function(module,exports,require,odoPlace,__filename,__dirname){${text.replace(/^#!.*\n/, '')}\n})`;
}

function packed(text: string): string {
  return gzipSync(text, { level: 9 }).toString('base64');
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text);
}
