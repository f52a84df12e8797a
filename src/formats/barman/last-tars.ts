import type { Part } from '../contract/format.ts';

/**
 * Doubts that a backup has all its tars, in words; undefined where nothing speaks against it. barman closes a tar once
 * its stored size has passed a limit, and begins another only for a further file. Nothing counts the tars. So where the
 * last one is as large as one that another followed, most likely another followed it, too. Source: barman,
 * barman/cloud.py (CloudUploadController._get_tar).
 * @param parts in the order in which they are laid down
 */
export function doubtLastTars(parts: readonly Part[]): string | undefined {
  const isLast = parts.map(({ role, oid }, index) => {
    const next = parts[index + 1];
    return next?.role !== role || next.oid !== oid;
  });
  const smallestFollowed = Math.min(...parts.filter((_, index) => !isLast[index]).map(({ sizeBytes }) => sizeBytes));
  const full = parts.filter(({ sizeBytes }, index) => isLast[index] && sizeBytes >= smallestFollowed);
  if (full.length === 0) return undefined;
  const names = full.map(({ key }) => key.slice(key.lastIndexOf('/') + 1)).join(', ');
  return `another tar may have followed ${names}, by the size, and nothing tells how many there were`;
}
