import { freeing } from '../bytes/freeing.ts';
import type { Layers } from '../bytes/layers.ts';
import { type DecompressOptions, decompress } from './decompress.ts';

/**
 * Undoes what an object is wrapped in, outermost first; see decompress() for what is yielded and what fails. The
 * options are those of the innermost layer; `detect` counts where none is known.
 */
export function undoLayers(
  source: AsyncIterable<Buffer>,
  layers: Layers,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, void> {
  const { name, signal } = options;
  const innermost = layers.at(-1);
  if (innermost === undefined) return decompress(source, 'none', options);
  let wrapped = freeing(source);
  for (const layer of layers.slice(0, -1)) wrapped = decompress(wrapped, layer, { name, signal });
  return decompress(wrapped, innermost, options);
}
