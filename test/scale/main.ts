import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { startListingServer } from './listing-server.ts';
import { syntheticBucket } from './synthetic-bucket.ts';

/**
 * Measures `odo list` on synthetic buckets of growing size: time, requests, peak memory of the process (VmHWM). Run by
 * hand, after `npm run build`: `npm run scale -- [--delay MS]`, the delay being that of each of the server's answers.
 * Prints a table in Markdown.
 */
const SIZES = [
  { backups: 100, segments: 10_000 },
  { backups: 100, segments: 1_000_000 },
  { backups: 10_000, segments: 10_000 },
  { backups: 10_000, segments: 1_000_000 },
];
const ODO = new URL('../../dist/odo.mjs', import.meta.url).pathname;

const { values } = parseArgs({ options: { delay: { type: 'string', default: '0' } } });

row('backups', 'WAL segments', 'seconds', 'peak memory', 'listings', 'reads', 'at once');
row(...Array<string>(7).fill('--:'));
for (const size of SIZES) {
  const hole = { first: Math.floor(size.segments / 2), last: Math.floor(size.segments / 2) + 99 };
  const server = await startListingServer(syntheticBucket({ ...size, hole }), Number(values.delay));
  const startedAt = performance.now();
  const { peakKiB, found } = await list(server.endpoint);
  const seconds = (performance.now() - startedAt) / 1000;
  await server.close();
  const expected = { backups: size.backups, segments: size.segments - 100, holes: 1 };
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`found ${JSON.stringify(found)}`);
  const { lists, reads, mostAtOnce } = server.counts();
  const peak = `${Math.round(peakKiB / 1024)} MiB`;
  row(
    ...[size.backups, size.segments, seconds.toFixed(1), peak, lists, reads, mostAtOnce].map((cell) =>
      cell.toLocaleString('en'),
    ),
  );
}

function row(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

async function list(
  endpoint: string,
): Promise<{ peakKiB: number; found: { backups: number; segments: number; holes: number } }> {
  const env = { ...process.env, S3_ENDPOINT: endpoint, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  const child = spawn(process.execPath, [ODO, 'list', '-u', 's3://bucket/backups/shop', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let peakKiB = 0;
  // gone with the process, so it is looked at while that runs
  const watch = setInterval(() => {
    const status = fs.existsSync(`/proc/${child.pid}/status`)
      ? fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')
      : '';
    peakKiB = Math.max(peakKiB, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
  }, 50);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`odo list ended with ${code}`);
  const [{ backups, wal }] = JSON.parse(Buffer.concat(chunks).toString('utf8')).repositories;
  const [timeline] = wal.timelines;
  return { peakKiB, found: { backups: backups.length, segments: timeline.segments, holes: timeline.holes.length } };
}
