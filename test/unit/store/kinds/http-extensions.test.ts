import { expect, it } from 'vitest';
import { EXTENSIONS } from '../../../../src/store/kinds/http.ts';
import { extensionOf, type Layer } from '../../../../src/stream/bytes/layers.ts';

const LAYERS: Readonly<Record<Layer, true>> = {
  gzip: true,
  zstd: true,
  bzip2: true,
  lz4: true,
  xz: true,
  snappy: true,
};

it('a web server is asked for objects in every layer, and for plain ones', () => {
  const known = (Object.keys(LAYERS) as Layer[]).map(extensionOf);
  expect([...EXTENSIONS].sort()).toEqual(['', ...known].sort());
});
