// Bundles ODO with everything it uses into one file, so that the image needs nothing from a registry.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/** Modules of a library that ODO never calls. */
const UNUSED = './scripts/unused-module.cjs';

/** Stands for the digest of the bundle, which is known only when the bundle is there. */
const DIGEST = '@@odo-build@@';

/** Code for the processor, beside the bundle. */
const NATIVE = 'linux-x64.node';
const NATIVE_FILE = JSON.stringify(`./${NATIVE}`);

/** CommonJS modules in an ES module bundle expect these names. */
const COMMONJS_NAMES = [
  "import { createRequire as odoCreateRequire } from 'node:module';",
  "import { fileURLToPath as odoFileURLToPath } from 'node:url';",
  "import { dirname as odoDirname } from 'node:path';",
  'const require = odoCreateRequire(import.meta.url);',
  'const __filename = odoFileURLToPath(import.meta.url);',
  'const __dirname = odoDirname(__filename);',
].join(' ');

// See src/stream/blocks/start-thread.ts.
const thread = await build({
  entryPoints: ['src/stream/unpack/thread.ts'],
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node22.15',
  format: 'cjs',
  external: ['*.node'],
  define: { 'import.meta.url': 'odoBundle', NATIVE_FILE },
  banner: { js: "const odoBundle = require('node:worker_threads').workerData.bundle;" },
  legalComments: 'none',
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});

const { outputFiles } = await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/odo.mjs',
  bundle: true,
  platform: 'node',
  target: 'node22.15',
  format: 'esm',
  external: ['*.node'],
  // dockerode brings them for building images and for its own way over ssh. ODO does neither.
  // In the bundle, every start would read them.
  alias: { ssh2: UNUSED, '@grpc/grpc-js': UNUSED, '@grpc/proto-loader': UNUSED, protobufjs: UNUSED },
  banner: { js: COMMONJS_NAMES },
  legalComments: 'linked',
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
  define: {
    NATIVE_FILE,
    ODO_BUILD: JSON.stringify(DIGEST),
    THREAD_PROGRAM: JSON.stringify(thread.outputFiles[0].text),
  },
  write: false,
});

// See src/stream/native/native.ts.
const native = fs.readFileSync(path.join('native', NATIVE));

fs.mkdirSync('dist', { recursive: true });
write(path.join('dist', NATIVE), native, 0o644);
for (const { path: file, text } of outputFiles) {
  const isProgram = path.basename(file) === 'odo.mjs';
  if (isProgram && text.split(DIGEST).length !== 2)
    throw new Error('the bundle does not hold the place of its digest once');
  const digest = createHash('sha256').update(text).update(native).digest('hex').slice(0, 12);
  write(file, isProgram ? text.replace(DIGEST, digest) : text, isProgram ? 0o755 : 0o644);
}

/** Under another name first: a command that is being started must not read half of it. */
function write(file, content, mode) {
  fs.writeFileSync(`${file}.new`, content, { mode });
  fs.renameSync(`${file}.new`, file);
}
