import { freeing } from '../bytes/freeing.ts';
import type { Layers } from '../bytes/layers.ts';
import { type DecompressOptions, decompress } from './decompress.ts';

/**
 * Undoes the layers of an object, outermost first. decompress() tells what is yielded and what fails. The options apply
 * to the innermost layer. `detect` counts where no layer is known.
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
