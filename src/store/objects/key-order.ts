/**
 * Compares keys as stores list them: by their bytes in UTF-8, which is not the order of JavaScript strings beyond
 * U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
