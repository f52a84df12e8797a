import path from 'node:path';
import { type BuildOptions, build, transform } from 'esbuild';

/** Modules of a library that ODO never calls. */
const UNUSED = './scripts/build/unused-module.cjs';

/** Code for the processor; its file's name, wherever the build puts it. */
export const NATIVE = 'linux-x64.node';

/** Stands for the digest of the whole program, which is known only when that is there. */
export const DIGEST_PLACE = '@@odo-build@@';

/** What load-parts.ts calls the URL of the program. */
const PLACE = 'odoPlace';

const NATIVE_FILE = JSON.stringify(`./${NATIVE}`);

const COMMON = {
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node22.15',
  external: ['*.node'],
  // The packages' own folder, wherever it really lies: the path of a module is part of the program.
  preserveSymlinks: true,
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** One part of the program: a CommonJS module that requires others as `./NAME`. */
export interface Part {
  name: string;
  text: string;
  /** The names of the parts that it requires as soon as it is loaded. */
  needs: string[];
}

/** The program in parts, of which `main.js` begins it, and the licences of the libraries in it. */
export interface Bundle {
  parts: Part[];
  licences: string;
}

/**
 * Bundles the sources with all their libraries. What they `import()` becomes a part of its own, and so does what
 * several parts share.
 */
export async function bundleProgram(): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    entryPoints: ['src/main.ts'],
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    alias: {
      // dockerode brings them for building images and for its own way over ssh; ODO does neither.
      ...{ ssh2: UNUSED, '@grpc/grpc-js': UNUSED, '@grpc/proto-loader': UNUSED, protobufjs: UNUSED },
      'string-width': './scripts/build/plain-width.js',
    },
    legalComments: 'linked',
    metafile: true,
    define: {
      NATIVE_FILE,
      ODO_BUILD: JSON.stringify(DIGEST_PLACE),
      THREAD_PROGRAM: JSON.stringify(await bundleThread()),
      'import.meta.url': PLACE,
    },
  });
  const textOf = new Map(outputFiles.map(({ path: file, text }) => [path.basename(file), text]));
  const parts = await Promise.all(
    Object.entries(metafile.outputs)
      .filter(([file]) => file.endsWith('.js'))
      .map(async ([file, { imports, entryPoint = '' }]): Promise<Part> => {
        const name = path.basename(file);
        const needed = imports.filter(({ kind, external }) => kind === 'import-statement' && !external);
        const code = await toCommonJs(textOf.get(name) as string, name);
        // esbuild gives what is imported of a CommonJS library as its default only.
        const isCommonJs = metafile.inputs[entryPoint]?.format === 'cjs';
        const text = isCommonJs ? `${code.trimEnd()}\nmodule.exports=module.exports.default;` : code;
        return { name, text, needs: needed.map((other) => path.basename(other.path)) };
      }),
  );
  parts.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { parts, licences: mergeLicences(outputFiles.filter(({ path: file }) => file.endsWith('.LEGAL.txt'))) };
}

/** A part, and all that is loaded with it. */
export function withNeeds(parts: readonly Part[], name: string, found = new Set<Part>()): Set<Part> {
  const part = parts.find((one) => one.name === name);
  if (!part) throw new Error(`there is no part ${name}`);
  if (found.has(part)) return found;
  found.add(part);
  for (const other of part.needs) withNeeds(parts, other, found);
  return found;
}

/** The program of the threads that unpack. See src/stream/blocks/start-thread.ts. */
async function bundleThread(): Promise<string> {
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: ['src/stream/unpack/thread.ts'],
    format: 'cjs',
    define: { NATIVE_FILE, 'import.meta.url': 'undefined' },
    legalComments: 'none',
  });
  return (outputFiles[0] as { text: string }).text;
}

/** There is no `import` in the single executable but of what Node itself has. */
async function toCommonJs(text: string, name: string): Promise<string> {
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node22.15',
    supported: { 'dynamic-import': false },
    sourcefile: name,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return code;
}

function mergeLicences(files: readonly { text: string }[]): string {
  const blocks = files.flatMap(({ text }) => text.split(/\n{2,}(?=\S)/)).map((block) => block.trim());
  const kept = blocks.filter((block) => block !== '' && block !== 'Bundled license information:');
  return `${[...new Set(kept)].sort().join('\n\n')}\n`;
}
