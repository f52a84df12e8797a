/** One wrapping of an object's bytes. */
export type Layer = 'gzip' | 'zstd' | 'bzip2' | 'lz4' | 'xz' | 'snappy';

/** All that an object is wrapped in, outermost first; none where its bytes are plain. */
export type Layers = readonly Layer[];

const EXTENSIONS: Readonly<Record<string, Layer>> = {
  gz: 'gzip',
  zst: 'zstd',
  bz2: 'bzip2',
  lz4: 'lz4',
  xz: 'xz',
  snappy: 'snappy',
};

/**
 * Splits a file name into the name without its layers' extensions, and the layers: `base.tar.gz` gives `base.tar` and
 * gzip.
 */
export function splitLayers(name: string): { stem: string; layers: Layers } {
  const layers: Layer[] = [];
  let stem = name;
  for (;;) {
    const dot = stem.lastIndexOf('.');
    const layer = dot > 0 ? EXTENSIONS[stem.slice(dot + 1)] : undefined;
    if (layer === undefined) return { stem, layers };
    layers.push(layer);
    stem = stem.slice(0, dot);
  }
}

/** The extension that names of this layer have, with its dot. */
export function extensionOf(layer: Layer): string {
  return `.${Object.keys(EXTENSIONS).find((key) => EXTENSIONS[key] === layer)}`;
}
