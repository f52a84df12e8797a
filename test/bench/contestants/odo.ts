import type { Bench } from '../bench.ts';
import type { Content } from '../data/source.ts';
import { measureOdo } from '../measure.ts';
import type { Contestant } from '../scenario.ts';
import { intoDirectory, targetFolder } from './directory.ts';

export interface OdoOptions {
  name?: string;
  /** URL of the repository. */
  url: string;
  /** Of the S3 server, when it is not the usual one. */
  endpoint?: string;
  /** Node is to trust this authority. */
  caFile?: string;
  tablespaces?: readonly string[];
}

/** `odo restore --into`, which flushes by itself. */
export function odoInto(bench: Bench, content: Content, options: OdoOptions): Contestant {
  const { name = 'ODO', url, endpoint, caFile, tablespaces = [] } = options;
  const flags = tablespaces.flatMap((tablespace) => [
    '--tablespace',
    `${tablespace}=${targetFolder(bench, tablespace)}`,
  ]);
  const env = {
    ...(endpoint === undefined ? {} : { S3_ENDPOINT: endpoint }),
    ...(caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile }),
  };
  const mapped = tablespaces.map((tablespace) => ` --tablespace ${tablespace}=…`).join('');
  const contestant = {
    name,
    settings: `\`odo restore --into DIR -u s3://…${mapped}\`: no settings; flushes by itself`,
    run: () => measureOdo(bench, ['restore', '--into', targetFolder(bench), '-u', url, ...flags], env),
  };
  return intoDirectory(bench, content, contestant, tablespaces);
}
