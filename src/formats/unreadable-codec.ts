import { READABLE_CODECS } from '../stream/codec.ts';
import type { Part } from './format.ts';

/** Why ODO cannot read these parts, in words; undefined when it can. */
export function unreadableCodec(parts: readonly Part[]): string | undefined {
  const part = parts.find(({ codec }) => !READABLE_CODECS.has(codec));
  return part && `it is compressed with ${part.codec}, which this version of ODO does not read yet`;
}
