import { mustExecIn } from './in-container.ts';

/**
 * A sound segment of that name, packed with gzip, whose cluster is made for this alone. pg_resetwal begins a cluster's
 * WAL with a segment of any name.
 * @param container has PostgreSQL's programs
 */
export async function foreignSegment(container: string, name: string, segmentMib = 16): Promise<Buffer> {
  const script = `
    cluster=$(mktemp -d)
    initdb --no-sync --wal-segsize=${segmentMib} -A trust -D $cluster >&2 &&
      pg_resetwal --next-wal-file=${name} $cluster >&2 &&
      gzip -1 -c $cluster/pg_wal/${name} | base64
    rm -r $cluster`;
  return Buffer.from(await mustExecIn(container, ['sh', '-c', script], { user: 'postgres' }), 'base64');
}
