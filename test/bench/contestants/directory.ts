import { mustRun } from '../../integration/parts/run.ts';
import type { Bench } from '../bench.ts';
import type { Content } from '../data/source.ts';
import type { Contestant } from '../scenario.ts';

/** Where contestants that fill a directory put the cluster: PGDATA, and each tablespace. */
export function targetFolder(bench: Bench, name = 'pgdata'): string {
  return `${bench.work}/target/${name}`;
}

/** A contestant that begins with nothing there, and is checked for every file and byte of the database afterwards. */
export function intoDirectory(
  bench: Bench,
  content: Content,
  contestant: Omit<Contestant, 'before' | 'verify'>,
  tablespaces: readonly string[] = [],
): Contestant {
  return {
    ...contestant,
    before: () => emptyTarget(bench),
    async verify() {
      const folders = [`${targetFolder(bench)}/base`, `${targetFolder(bench)}/global`];
      for (const name of tablespaces) folders.push(targetFolder(bench, name));
      const listing = await mustRun('find', [
        ...folders,
        ...['-type', 'f', '!', '-name', 'pg_internal.init*', '!', '-path', '*/.odo/*', '-printf', '%s\\n'],
      ]);
      const sizes = listing.split('\n').map(Number);
      const found = { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
      if (found.files === content.files && found.bytes === content.bytes) return;
      const words = ({ files, bytes }: Content) => `${files} files with ${bytes} bytes`;
      throw new Error(`${contestant.name} restored ${words(found)}, and should have restored ${words(content)}`);
    },
  };
}

export async function emptyTarget(bench: Bench): Promise<void> {
  await mustRun('rm', ['-rf', `${bench.work}/target`]);
  await mustRun('mkdir', [`${bench.work}/target`]);
}

/**
 * Moves what is in the target out of the way instead of removing it, until the benchmark ends. ext4 gives no inode out
 * again for some minutes, and passes over all that were just removed, one by one, whenever a file is created: after
 * 40,000 of them that takes longer than the restore.
 */
export function settingAside(bench: Bench, contestant: Contestant): Contestant {
  return {
    ...contestant,
    async before() {
      const aside = `${bench.work}/aside`;
      await mustRun('mkdir', ['-p', `${bench.work}/target`, aside]);
      await mustRun('mv', [`${bench.work}/target`, `${aside}/${process.hrtime.bigint()}`]);
      await emptyTarget(bench);
    },
  };
}
