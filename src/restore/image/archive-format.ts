/**
 * The format on which `odo image load` and the packaging agree. It is what `docker save` writes and every engine loads:
 * a tar of the layers and the configuration, each named after its digest, and of `manifest.json`, which says what they
 * are. Here the manifest comes last. So an archive that ends early loads nothing, and the image's name can be changed
 * on its way.
 */

/** Label for the image's version of ODO, to be read without running the image. */
export const VERSION_LABEL = 'odo.image.version';
/** Label for the image's build of ODO, to be read without running the image. */
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
