import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { afterTheProof, type Fault, type FaultProxy, startFaultProxy } from './parts/fault-proxy.ts';
import { odo, odoReceipt } from './parts/odo.ts';
import { mustRun, until } from './parts/run.ts';
import { startOdo } from './parts/running-odo.ts';
import { readObject } from './parts/s3.ts';
import { lastSegmentOf, type SplitRepository, splitRepository } from './parts/split-repository.ts';

const IN_THE_SECOND_PART = /GET .*data_0001/;
/** So little that one part comes after the other. */
const ONE_BY_ONE = ['--memory', '192M'];
const IN_THE_WAL = /GET .*\/wals\//;

/** Restores into a directory that are cut in the middle, and what the next run makes of what they have laid down. */
describe('a restore into a directory that was interrupted', () => {
  let repository: SplitRepository;
  let proxy: FaultProxy;
  let scratch: string;
  let into: string;
  /** Names and contents of everything that an undisturbed restore lays down. */
  let undisturbed: string;

  beforeAll(async () => {
    repository = await splitRepository();
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'odo-resume-'));
    into = path.join(scratch, 'pgdata');
    await odoReceipt(['-u', repository.url, '--into', into]);
    undisturbed = await digestOf(into);
  });

  beforeEach(async () => {
    fs.rmSync(into, { recursive: true, force: true });
    proxy = await startFaultProxy();
  });

  afterEach(() => proxy.close());

  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  const args = (...more: string[]) => ['-u', repository.url, '--into', into, '--retry-for', '1', ...more];
  const env = () => ({ S3_ENDPOINT: proxy.endpoint });
  const staged = (...names: string[]) => path.join(into, '.odo', 'incoming', ...names);

  async function stagedBytes(): Promise<number> {
    return fs.existsSync(staged()) ? Number.parseInt(await mustRun('du', ['-sb', staged()]), 10) : 0;
  }

  function digestOf(directory: string): Promise<string> {
    const find = "find . -path ./.odo/journal.json -prune -o -printf '%p %m %U:%G %y %l\\n' | sort";
    const sums = 'find . -path ./.odo/journal.json -prune -o -type f -print0 | sort -z | xargs -0 sha256sum';
    return mustRun('sh', ['-c', `cd ${directory} && { ${find}; ${sums}; } | sha256sum`]);
  }

  async function failsWith(exitCode: number, ...more: string[]): Promise<string> {
    const { code, stderr } = await odo(args(...more), { env: env() });
    expect(code, stderr).toBe(exitCode);
    return stderr;
  }

  /** A run that is cancelled once some of the WAL has come. */
  async function cancelInTheWal(): Promise<void> {
    proxy.fault(lastSegmentOf(repository), afterTheProof({ do: 'stall', afterBytes: 0 }));
    const running = startOdo(args(), { env: env() });
    await until('segments have come', async () => segmentsIn(path.join(into, '.odo', 'spool')) >= 3);
    running.signal('SIGINT');
    expect(await running.outcome).toMatchObject({ code: 130 });
    proxy.fault(lastSegmentOf(repository), { do: 'wait', forMs: 0 });
  }

  function segmentsIn(spool: string): number {
    return fs.existsSync(spool) ? fs.readdirSync(spool).filter((name) => /^[0-9A-F]{24}$/.test(name)).length : 0;
  }

  const resume = (...more: string[]) => odoReceipt(args(...more), { env: env() });

  async function membersOf(part: number): Promise<string[]> {
    const file = path.join(scratch, 'part.tar.gz');
    fs.writeFileSync(file, await readObject(repository.bucket, repository.parts[part]?.key ?? ''));
    const list = await mustRun('tar', ['tzf', file]);
    return list.split('\n').map((name) => name.replace(/^\.\//, ''));
  }

  it('uses nothing that was changed since, and writes only what differs', async () => {
    proxy.fault(IN_THE_SECOND_PART, { do: 'cut', afterBytes: 5_000_000 });
    let requests = 0;
    proxy.fault(IN_THE_SECOND_PART, () =>
      requests++ === 0 ? undefined : { do: 'answer', status: 503, code: 'SlowDown' },
    );
    expect(await failsWith(10, ...ONE_BY_ONE)).toContain('the same command goes on from there');

    const second = (await membersOf(1)).filter((name) =>
      fs.statSync(staged(name), { throwIfNoEntry: false })?.isFile(),
    );
    // Small ones, so that most of what has come is as it was.
    const sizeOf = (name: string) => fs.statSync(staged(name)).size;
    const bySize = second.filter((name) => sizeOf(name) >= 8192).sort((a, b) => sizeOf(a) - sizeOf(b));
    const [flipped, cut, longer] = bySize as [string, string, string];
    const bytes = fs.readFileSync(staged(flipped));
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    fs.writeFileSync(staged(flipped), bytes);
    fs.truncateSync(staged(cut), 100);
    fs.appendFileSync(staged(longer), 'and more');

    await proxy.close();
    proxy = await startFaultProxy();
    const { laidDown } = await resume();
    expect(laidDown).toMatchObject({ reusedParts: 1 });
    expect(laidDown.reusedBytes).toBeGreaterThan(500_000);
    expect(proxy.count(/GET .*data\.tar/).bytes).toBeLessThan(100_000);
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it.each<[string, number, Fault]>([
    ['the credentials expire', 11, { do: 'answer', status: 403, code: 'ExpiredToken' }],
    ['the store fails for good', 10, { do: 'answer', status: 500, code: 'InternalError' }],
  ])('goes on where it was when %s', async (_what, exitCode, fault) => {
    proxy.fault(/GET .*data_0002/, fault);
    await failsWith(exitCode, ...ONE_BY_ONE);
    expect(fs.existsSync(staged('PG_VERSION'))).toBe(true);
    proxy.fault(/GET .*data_0002/, { do: 'wait', forMs: 0 });
    expect((await resume()).laidDown).toMatchObject({ reusedParts: 2, reusedSegments: 0 });
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it('compares what lies behind a part that broke off, where several come at once', async () => {
    // No request brings a whole range, so all that is laid down is of the other parts.
    proxy.fault(/GET .*data\.tar/, { do: 'stall', afterBytes: 300_000 });
    const running = startOdo(args(), { env: env() });
    await until('files have come', async () => (await stagedBytes()) > 3_000_000);
    running.signal('SIGINT');
    expect(await running.outcome).toMatchObject({ code: 130 });
    proxy.fault(/GET .*data\.tar/, { do: 'wait', forMs: 0 });
    const { laidDown } = await resume();
    expect(laidDown.reusedParts).toBe(0);
    expect(laidDown.reusedBytes).toBeGreaterThan(1_000_000);
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it('is not held up by a slow connection', async () => {
    let requests = 0;
    // Bytes keep coming, so that nothing counts as a failure, and for longer than this test may take.
    proxy.fault(/GET .*data\.tar/, () => (requests++ === 0 ? { do: 'slow', bytesPerSecond: 3000 } : undefined));
    const { code, stderr } = await odo(args(), { env: env() });
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain('trying again');
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it('does not fetch whole parts and segments again', async () => {
    await cancelInTheWal();
    const before = proxy.count(/GET .*data/).bytes;
    const { laidDown } = await resume();
    expect(laidDown.reusedParts).toBe(3);
    expect(laidDown.reusedSegments).toBeGreaterThanOrEqual(3);
    expect(proxy.count(/GET .*data/).bytes - before).toBeLessThan(100_000);
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it('starts over with --fresh', async () => {
    await cancelInTheWal();
    expect((await resume('--fresh')).laidDown).toMatchObject({ reusedParts: 0, reusedBytes: 0, reusedSegments: 0 });
    expect(await digestOf(into)).toBe(undisturbed);
  });

  it('lends nothing to a restore with another owner, another configuration, or of another backup', async () => {
    const conf = path.join(scratch, 'confs');
    fs.mkdirSync(conf);
    fs.writeFileSync(path.join(conf, 'postgresql.auto.conf'), "work_mem = '5MB'\n");
    const nothing = { reusedParts: 0, reusedBytes: 0, reusedSegments: 0 };

    await cancelInTheWal();
    expect((await resume('--owner', '1234:1234')).laidDown).toMatchObject(nothing);
    expect(
      await mustRun('find', [into, '-path', path.join(into, '.odo'), '-prune', '-o', '!', '-user', '1234', '-print']),
    ).toBe('');

    fs.rmSync(into, { recursive: true });
    await cancelInTheWal();
    expect((await resume('-c', conf)).laidDown).toMatchObject(nothing);
    expect(fs.readFileSync(path.join(into, 'postgresql.auto.conf'), 'utf8')).toContain("work_mem = '5MB'");

    fs.rmSync(into, { recursive: true });
    await cancelInTheWal();
    expect((await resume('--backup', repository.wholeId)).laidDown).toMatchObject(nothing);
    expect(fs.readFileSync(path.join(into, 'backup_label'), 'utf8')).not.toBe('');
  });

  it('leaves nothing with --discard, nor where the same command cannot succeed', async () => {
    proxy.fault(/GET .*data_0002/, { do: 'answer', status: 403, code: 'ExpiredToken' });
    expect(await failsWith(11, '--discard')).not.toContain('goes on from there');
    expect(fs.readdirSync(into)).toEqual([]);

    proxy.fault(/GET .*data_0002/, { do: 'flip', atByte: 500_000 });
    expect(await failsWith(14)).toContain('data_0002');
    expect(fs.readdirSync(into)).toEqual([]);

    proxy.fault(/GET .*data_0002/, { do: 'wait', forMs: 0 });
    proxy.fault(IN_THE_WAL, { do: 'answer', status: 404, code: 'NoSuchKey' });
    await failsWith(13);
    expect(fs.readdirSync(into)).toEqual([]);
  });
});
