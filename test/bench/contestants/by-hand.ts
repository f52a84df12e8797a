import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import type { Bench } from '../bench.ts';
import type { Content } from '../data/source.ts';
import { measureRival } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import { intoDirectory, targetFolder } from './directory.ts';

/** What people type: the AWS command line tool into tar. */
export function awsPipe(bench: Bench, content: Content, object: string, endpoint = S3_ENDPOINT): Contestant {
  const target = targetFolder(bench);
  return intoDirectory(bench, content, {
    name: 'aws | tar',
    settings:
      '`aws s3 cp s3://… - | tar xz -C DIR && sync -f DIR`; aws with its own settings: 10 requests at once, 8 MiB each',
    run: () =>
      measureRival(
        bench,
        `mkdir ${target}; aws s3 cp --endpoint-url ${endpoint} ${object} - | tar xz -C ${target}; sync -f ${target}`,
      ),
  });
}

/** What the original ODO did. */
export function downloadFirst(bench: Bench, content: Content, object: string, endpoint = S3_ENDPOINT): Contestant {
  const target = targetFolder(bench);
  const archive = `${bench.work}/target/base.tar.gz`;
  return intoDirectory(bench, content, {
    name: 'download, then tar',
    settings: '`aws s3 cp s3://… FILE && tar -zxf FILE -C DIR && rm FILE && sync -f DIR`; aws with its own settings',
    run: () =>
      measureRival(
        bench,
        `mkdir ${target}; aws s3 cp --only-show-errors --endpoint-url ${endpoint} ${object} ${archive}
        tar -zxf ${archive} -C ${target}; rm ${archive}; sync -f ${target}`,
      ),
  });
}
