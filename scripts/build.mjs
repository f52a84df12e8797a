// Bundles ODO with everything it uses into one file, so that the image needs nothing from a registry.
import fs from 'node:fs';
import path from 'node:path';
import { bundleProgram, NATIVE } from './build/bundle.ts';
import { packProgram } from './build/pack.ts';

const native = fs.readFileSync(path.join('native', NATIVE));
const bundle = await bundleProgram();
const program = packProgram(bundle, native);

fs.mkdirSync('dist', { recursive: true });
write(NATIVE, native, 0o644);
write('odo.mjs.LEGAL.txt', bundle.licences, 0o644);
write('odo.mjs', program.module, 0o755);

/** Under another name first: a command that is being started must not read half of it. */
function write(name, content, mode) {
  const file = path.join('dist', name);
  fs.writeFileSync(`${file}.new`, content, { mode });
  fs.renameSync(`${file}.new`, file);
}
