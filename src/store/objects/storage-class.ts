/**
 * Classes from which nothing can be read before it was asked for, hours ahead: Amazon's, and those of other servers.
 * GLACIER_IR and the classes of infrequent access are read at once.
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
 * The class when it is an archive's, else undefined. A listing tells it of objects that were brought back as well;
 * `restore` is what a HEAD adds.
 */
export function archiveOf(storageClass: string | undefined, restore?: string): string | undefined {
  if (storageClass === undefined || !ARCHIVES.has(storageClass.toUpperCase())) return undefined;
  return restore?.includes('ongoing-request="false"') ? undefined : storageClass;
}
