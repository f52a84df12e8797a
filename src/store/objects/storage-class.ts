/**
 * Storage classes whose objects have to be asked for hours before they can be read: Amazon's, and those of other
 * servers. GLACIER_IR and the classes of infrequent access are read at once.
 */
const ARCHIVES = new Set([
  'GLACIER',
  'DEEP_ARCHIVE',
  'ARCHIVE_ACCESS',
  'DEEP_ARCHIVE_ACCESS',
  'ARCHIVE',
  'COLD_ARCHIVE',
  'COLDARCHIVE',
  'DEEPCOLDARCHIVE',
]);

/**
 * The storage class if it is an archive's, else undefined. `restore` is a header that only a HEAD gives. With it, an
 * object that was brought back has no archive class.
 */
export function archiveOf(storageClass: string | undefined, restore?: string): string | undefined {
  if (storageClass === undefined || !ARCHIVES.has(storageClass.toUpperCase())) return undefined;
  return restore?.includes('ongoing-request="false"') ? undefined : storageClass;
}
