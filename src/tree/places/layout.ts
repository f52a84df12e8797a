import fs from 'node:fs';
import path from 'node:path';
import { areOfOneMount, fileSystemOf, mountsInside, realPath } from './mounts-inside.ts';
import { nearestExisting } from './nearest-existing.ts';
import type { Place } from './place.ts';

/** How a place really lies, as plain JSON: its name may be a link, and what is in it may be elsewhere. */
export interface Layout {
  /** Where the directory is, when its name leads over a link. */
  realRoot?: string;
  /** The target of the name, when that is a link to something that is not there. */
  leadsNowhere?: string;
  /** Mounts below the directory. */
  mounted?: string[];
  /** ODO's own folder is on another mount, so that no rename leads there. */
  isApart?: boolean;
  /** The target of pg_wal, when that is a link. */
  walLink?: string;
  /** The file system of the directory, or of the nearest one above. Directories with the same one share their room. */
  fileSystem: string;
}

/** Looks at a place without changing it. */
export function layoutOf({ root, odoDir }: Place): Layout {
  const real = realPath(root);
  const mounted = mountsInside(root).filter((point) => point !== odoDir);
  const target = linkTarget(root);
  const walLink = linkTarget(path.join(root, 'pg_wal'));
  return {
    ...(real === root ? {} : { realRoot: real }),
    ...(target !== undefined && !fs.existsSync(root) ? { leadsNowhere: target } : {}),
    ...(mounted.length > 0 ? { mounted } : {}),
    ...(areOfOneMount(root, odoDir) ? {} : { isApart: true }),
    ...(walLink === undefined ? {} : { walLink }),
    fileSystem: fileSystemOf(nearestExisting(root)),
  };
}

function linkTarget(file: string): string | undefined {
  if (!fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  return path.resolve(path.dirname(file), fs.readlinkSync(file));
}
