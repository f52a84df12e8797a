import fs from 'node:fs';
import path from 'node:path';

/** The directory itself, or the nearest above it that is there. */
export function nearestExisting(directory: string): string {
  let candidate = directory;
  while (!fs.existsSync(candidate) && path.dirname(candidate) !== candidate) candidate = path.dirname(candidate);
  return candidate;
}
