// Bundles ODO with everything it uses into one file, so that the image needs nothing from a registry.
import { chmodSync } from 'node:fs';
import { build } from 'esbuild';

await build({
  entryPoints: ['src/entry.ts'],
  outfile: 'dist/odo.mjs',
  bundle: true,
  platform: 'node',
  target: 'node22.15',
  format: 'esm',
  // Optional native parts of the ssh client that dockerode brings; it works without them.
  external: ['*.node', 'cpu-features'],
  // CommonJS modules in an ES module bundle expect these names.
  banner: {
    js: "import { createRequire as odoCreateRequire } from 'node:module'; import { fileURLToPath as odoFileURLToPath } from 'node:url'; import { dirname as odoDirname } from 'node:path'; const require = odoCreateRequire(import.meta.url); const __filename = odoFileURLToPath(import.meta.url); const __dirname = odoDirname(__filename);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
});
chmodSync('dist/odo.mjs', 0o755);
