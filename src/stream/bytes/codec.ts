/** How an object is compressed. */
export type Codec = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'lz4' | 'xz' | 'snappy';

const EXTENSIONS: Readonly<Record<string, Codec>> = {
  gz: 'gzip',
  zst: 'zstd',
  bz2: 'bzip2',
  lz4: 'lz4',
  xz: 'xz',
  snappy: 'snappy',
};

/**
 * Splits a file name into the name without its codec's extension, and the codec: `base.tar.gz` gives `base.tar` and
 * gzip.
 */
export function splitCodec(name: string): { stem: string; codec: Codec } {
  const dot = name.lastIndexOf('.');
  const codec = dot > 0 ? EXTENSIONS[name.slice(dot + 1)] : undefined;
  return codec ? { stem: name.slice(0, dot), codec } : { stem: name, codec: 'none' };
}

/** The extension that names of this codec have, with its dot; '' for none. */
export function extensionOf(codec: Codec): string {
  const extension = Object.keys(EXTENSIONS).find((key) => EXTENSIONS[key] === codec);
  return extension === undefined ? '' : `.${extension}`;
}
