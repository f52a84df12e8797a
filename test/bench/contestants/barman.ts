import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import type { Bench } from '../bench.ts';
import { BARMAN_SERVER, type Content } from '../data/source.ts';
import { measureRival } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import { intoDirectory, targetFolder } from './directory.ts';

/** barman-cloud-restore of one backup. */
export function barmanRestore(
  bench: Bench,
  content: Content & { barmanId: string },
  bucket: string,
  tablespaces: readonly string[] = [],
): Contestant {
  const target = targetFolder(bench);
  const flags = tablespaces.map((name) => `--tablespace ${name}:${targetFolder(bench, name)}`).join(' ');
  const contestant = {
    name: 'barman-cloud-restore',
    settings:
      `\`barman-cloud-restore${flags === '' ? '' : ' --tablespace …'} s3://… SERVER ID DIR && sync -f DIR\`: ` +
      'it has no settings for speed',
    run: () =>
      measureRival(
        bench,
        `barman-cloud-restore --endpoint-url ${S3_ENDPOINT} ${flags} s3://${bucket}/barman \\
          ${BARMAN_SERVER} ${content.barmanId} ${target}
        sync -f ${target}`,
      ),
  };
  return intoDirectory(bench, content, contestant, tablespaces);
}
