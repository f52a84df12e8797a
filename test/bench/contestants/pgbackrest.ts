import type { Bench } from '../bench.ts';
import type { Content } from '../data/source.ts';
import { measureRival } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import { intoDirectory, targetFolder } from './directory.ts';

/** pgbackrest restore from its own repository; the S3 side of pgBackRest speaks TLS only. */
export function pgbackrestRestore(bench: Bench, content: Content, bucket: string): Contestant {
  const target = targetFolder(bench);
  return intoDirectory(bench, content, {
    name: 'pgbackrest restore',
    settings:
      '`pgbackrest restore --process-max=2 && sync -f DIR`; repository with compress-type=gz and ' +
      'repo-bundle=y, over TLS, which is all it speaks to S3',
    run: () =>
      measureRival(
        bench,
        `mkdir -m 700 ${target}
        pgbackrest --repo1-s3-bucket=${bucket} --pg1-path=${target} --process-max=2 --log-level-console=warn restore
        sync -f ${target}`,
      ),
  });
}
