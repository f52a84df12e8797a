import fs from 'node:fs';
import path from 'node:path';
import { mustRun } from '../../integration/parts/run.ts';
import { S3_ENDPOINT } from '../../integration/parts/s3.ts';
import type { Bench } from '../bench.ts';
import type { Content } from '../data/source.ts';
import { measureRival } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import { emptyTarget, intoDirectory, targetFolder } from './directory.ts';

/** The inflated tar on the local disk; made from the object unless it is there. */
async function inflatedTar(bench: Bench, object: string): Promise<string> {
  const file = path.join(bench.cache, 'local', `${object.split('/')[2]}.tar`);
  if (fs.existsSync(file)) return file;
  bench.say('  inflating the tar for the floors');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await measureRival(
    bench,
    `aws s3 cp --endpoint-url ${S3_ENDPOINT} ${object} - | gunzip >${file}.new; mv ${file}.new ${file}`,
  );
  return file;
}

/** tar alone: no network, no inflating. Its file is read from the disk, not from memory. */
export async function localTar(bench: Bench, content: Content, object: string): Promise<Contestant> {
  const target = targetFolder(bench);
  const file = await inflatedTar(bench, object);
  const contestant = intoDirectory(bench, content, {
    name: 'floor: local tar',
    settings:
      '`tar -xf FILE -C DIR && sync -f DIR` of the inflated tar on the same disk, not in the page cache when it begins',
    run: () => measureRival(bench, `mkdir ${target}; tar -xf ${file} -C ${target}; sync -f ${target}`),
  });
  return {
    ...contestant,
    async before() {
      await emptyTarget(bench);
      await mustRun('dd', [`if=${file}`, 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none']);
    },
  };
}

/** The disk alone. */
export function disk(bench: Bench, bytes: number): Contestant {
  const file = `${bench.work}/target/zeros`;
  const mebibytes = Math.ceil(bytes / 2 ** 20);
  return {
    name: 'floor: dd',
    settings: '`dd if=/dev/zero bs=1M conv=fsync` of as many bytes',
    before: () => emptyTarget(bench),
    run: () => measureRival(bench, `dd if=/dev/zero of=${file} bs=1M count=${mebibytes} conv=fsync status=none`),
    async verify() {
      if (fs.statSync(file).size !== mebibytes * 2 ** 20) throw new Error(`dd wrote ${fs.statSync(file).size} bytes`);
    },
  };
}
