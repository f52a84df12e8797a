/**
 * What `odo image load` and the packaging agree on. The archive is what `docker save` writes and every engine loads: a
 * tar of the layers and the configuration, each named after its digest, and of `manifest.json`, which says what they
 * are. Here that comes last, so that an archive that ends early loads nothing, and its name can be changed on its way.
 */

/** Labels of the image, which say what is in it without running it. */
export const VERSION_LABEL = 'odo.image.version';
export const BUILD_LABEL = 'odo.image.build';

export const MANIFEST = 'manifest.json';

/** One image in `manifest.json`. */
export interface ArchivedImage {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

/** Where the content with this SHA-256 digest (in hexadecimal) lies. */
export function blobPath(digest: string): string {
  return `blobs/sha256/${digest}`;
}
