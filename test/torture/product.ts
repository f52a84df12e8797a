import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { OWN } from '../integration/parts/own.ts';
import { mustRun, run } from '../integration/parts/run.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Lies beside the bundle, here as in the image; a bundle of before it was there passes it over. */
const NATIVE = 'linux-x64.node';

/** What is tried: one bundle, as command line and as restore image, and neither changes while the runs go on. */
export interface Product {
  /** The bundle's own copy. */
  bundle: string;
  image: string;
  /** What `odo --version` says, and a digest of the bundle. */
  version: string;
  remove(): Promise<void>;
}

/** Copies the bundle, with the native code, into `folder` and makes an image of it by the project's own Dockerfile. */
export async function freeze(from: string | undefined, folder: string): Promise<Product> {
  const source = path.resolve(from ?? path.join(ROOT, 'dist/odo.mjs'));
  if (!fs.existsSync(source)) throw new Error(`${source} is not there: npm run build makes it`);
  const bundle = path.join(folder, 'dist/odo.mjs');
  fs.mkdirSync(path.dirname(bundle));
  fs.copyFileSync(source, bundle);
  const native = [path.dirname(source), path.join(ROOT, 'dist')]
    .map((place) => path.join(place, NATIVE))
    .find(fs.existsSync);
  if (native === undefined) throw new Error(`${NATIVE} is not beside ${source}`);
  fs.copyFileSync(native, path.join(path.dirname(bundle), NATIVE));
  const digest = createHash('sha256').update(fs.readFileSync(bundle)).digest('hex').slice(0, 12);
  const image = `odo-torture:${OWN}`;
  fs.copyFileSync(path.join(ROOT, 'Dockerfile'), path.join(folder, 'Dockerfile'));
  await mustRun('docker', ['build', '-q', '-t', image, folder], { env: { ...process.env, DOCKER_BUILDKIT: '0' } });
  const version = await mustRun(process.execPath, [bundle, '--version']);
  return {
    bundle,
    image,
    version: `${version} (bundle ${digest})`,
    async remove() {
      await run('docker', ['rmi', '-f', image]);
    },
  };
}
