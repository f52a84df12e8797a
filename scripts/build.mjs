// Bundles ODO with everything it uses into one file, so that the image needs nothing from a registry.
import { makeDist, writeDist } from './build/make-dist.ts';

writeDist(await makeDist());
