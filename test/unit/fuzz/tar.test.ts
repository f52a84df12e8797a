import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OdoError } from '../../../src/errors.ts';
import type { Part } from '../../../src/formats/contract/format.ts';
import { tarContent } from '../../../src/formats/contract/tar-content.ts';
import { createTally } from '../../../src/progress/tally.ts';
import type { LayDownJob } from '../../../src/restore/contract/lay-down-job.ts';
import { layDownContent } from '../../../src/restore/lay-down/lay-down.ts';
import { createRooms } from '../../../src/tree/writing/room.ts';
import { NO_WRITE_BACK } from '../../../src/tree/writing/write-back.ts';
import { MemoryStore } from '../parts/memory-store.ts';
import { scratchDirectory } from '../parts/scratch-directory.ts';
import { plantTree, snapshotTree } from '../parts/tree-snapshot.ts';
import { createRandom, damage, type Random } from './random.ts';

const BLOCK_BYTES = 512;
const ROUNDS = 700;

/** Where what stands in a header: POSIX, pax, "ustar Interchange Format". */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  size: [124, 12],
  mtime: [136, 12],
  type: [156, 1],
  link: [157, 100],
} as const;

const NAMES = [
  '../outside/secret',
  '/etc/odo-fuzz',
  'a/../../outside/new',
  '..',
  '.',
  '',
  'way/secret',
  'global',
  'base/1/1',
  'x\ny',
  '.odo/journal.json',
  'base',
  'PG_VERSION',
  'postgresql.auto.conf',
  'way/../way/secret',
  'global/pg_control',
];
const SIZES = [
  '77777777777',
  '00000000000',
  '00000000001',
  '-0000000001',
  'garbage',
  '\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\x80\0\0\0\0\0\x01\0\0\0\0\0',
];
const TYPES = ['0', '1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', 'M', '\0', '\x7f'];

let scratch: string;
let archives: Buffer[];

beforeAll(() => {
  const source = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'odo-fuzz-'));
  try {
    plantTree(source, {
      PG_VERSION: '17\n',
      'base/1/1': 'a'.repeat(1500),
      'base/1/2': '',
      'global/pg_control': 'control',
      way: '-> ../outside',
      'conf.d/': '',
      [`base/${'n'.repeat(60)}/${'n'.repeat(60)}`]: 'long name',
    });
    fs.linkSync(path.join(source, 'base/1/1'), path.join(source, 'base/hard'));
    archives = ['ustar', 'gnu', 'posix'].map((format) =>
      execFileSync('tar', ['-c', `--format=${format}`, '--sort=name', '-b', '2', '-C', source, '.']),
    );
  } finally {
    fs.rmSync(source, { recursive: true });
  }
});

beforeEach(() => {
  scratch = scratchDirectory();
  plantTree(scratch, {
    'outside/secret': 'untouched',
    'pgdata/PG_VERSION': 'the old data\n',
    'pgdata/.odo/incoming/': '',
    'pgdata/.odo/journal.json': '{}',
  });
});

/** Puts a hostile value into one field of one header, and mostly makes the header's checksum right again. */
function forge(random: Random, archive: Buffer): Buffer {
  const result = Buffer.from(archive);
  const headers: number[] = [];
  for (let at = 0; at < result.length; at += BLOCK_BYTES)
    if (result.toString('latin1', at + 257, at + 262) === 'ustar') headers.push(at);
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.pick(headers);
    const [field, [offset, length]] = random.pick(Object.entries(FIELDS));
    const value =
      field === 'size'
        ? random.pick(SIZES)
        : field === 'type'
          ? random.pick(TYPES)
          : field === 'mode'
            ? '0007777\0'
            : random.pick(NAMES);
    result.fill(0, at + offset, at + offset + length);
    result.write(value, at + offset, length, 'latin1');
    if (random.below(10) > 0) seal(result.subarray(at, at + BLOCK_BYTES));
  }
  return result;
}

function seal(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
}

/** Leaves out, repeats or moves whole blocks. */
function shuffle(random: Random, archive: Buffer): Buffer {
  const blocks = Array.from({ length: archive.length / BLOCK_BYTES }, (_, n) =>
    archive.subarray(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES),
  );
  const [moved] = blocks.splice(random.below(blocks.length), random.below(3));
  if (moved) blocks.splice(random.below(blocks.length), 0, ...Array<Buffer>(random.below(3)).fill(moved));
  return Buffer.concat(blocks);
}

async function layDown(archive: Buffer, layers: Part['layers'] = []): Promise<'laid down' | unknown> {
  const root = path.join(scratch, 'pgdata');
  const part: Part = { role: 'base', key: 'data.tar', sizeBytes: archive.length, layers };
  const job = {
    backup: { format: 'barman' },
    places: { pgdata: { root, odoDir: path.join(root, '.odo') }, tablespaces: [] },
    run: {},
  };
  const staging = {
    resuming: false,
    spoolReusable: false,
    oldData: 'none' as const,
    isFinished: () => false,
    finishUnit: () => undefined,
    complete: () => undefined,
    distrust: () => undefined,
  };
  const tally = createTally('lay-down', {}, () => undefined);
  const store = new MemoryStore({ 'data.tar': { content: archive } });
  const work = layDownContent(
    job as unknown as LayDownJob,
    tarContent([part]),
    store,
    staging,
    tally,
    () => undefined,
    new AbortController().signal,
    NO_WRITE_BACK,
    createRooms({ besideServer: false }),
  ).then(
    () => 'laid down',
    (error: unknown) => error,
  );
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise((resolve) => {
    timer = setTimeout(() => resolve(new Error('it hangs')), 2000);
  });
  return Promise.race([work, hang]).finally(() => clearTimeout(timer));
}

/** All but the staging area, which may hold anything. */
function outsideOfStaging(): unknown {
  return Object.fromEntries(
    Object.entries(snapshotTree(scratch)).filter(
      ([name]) =>
        !/^pgdata\/\.odo\/(incoming\/|pg_control\.held)/.test(name) &&
        !/^(\.|pgdata|pgdata\/\.odo|pgdata\/\.odo\/incoming)$/.test(name),
    ),
  );
}

describe.each(['none', 'gzip'] as const)('a tar in codec %s', (codec) => {
  it('that is whole is laid down', async () => {
    for (const archive of archives) {
      expect(await layDown(codec === 'gzip' ? gzipSync(archive) : archive, codec === 'none' ? [] : [codec])).toBe(
        'laid down',
      );
      const incoming = path.join(scratch, 'pgdata/.odo/incoming');
      expect(fs.readlinkSync(path.join(incoming, 'way'))).toBe('../outside');
      fs.rmSync(path.join(scratch, 'pgdata/.odo/pg_control.held'));
      fs.rmSync(incoming, { recursive: true });
    }
  });
});

it('that is damaged or forged in any way is laid down or called corrupt, and touches nothing beyond staging', {
  timeout: 30_000,
}, async () => {
  const random = createRandom(17);
  const before = outsideOfStaging();
  const outcomes = { 'laid down': 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const change = random.pick([forge, forge, forge, shuffle, damage]);
    let archive = change(random, random.pick(archives));
    if (random.below(4) === 0)
      archive = forge(
        random,
        archive.length % BLOCK_BYTES === 0 && archive.includes('ustar') ? archive : random.pick(archives),
      );
    const outcome = await layDown(archive);
    if (outcome === 'laid down') outcomes['laid down'] += 1;
    else if (outcome instanceof OdoError && outcome.code === 'dataCorrupt') {
      outcomes.refused += 1;
      expect(outcome.message, `round ${round}`).toContain('s3://bucket/data.tar');
    } else expect.fail(`round ${round}: ${(outcome as Error).stack}`);
    expect(outsideOfStaging(), `round ${round}`).toEqual(before);
    fs.rmSync(path.join(scratch, 'pgdata/.odo/pg_control.held'), { force: true });
    fs.rmSync(path.join(scratch, 'pgdata/.odo/incoming'), { recursive: true, force: true });
  }
  expect(fs.existsSync('/etc/odo-fuzz')).toBe(false);
  // the mutations reach behind the headers' checksums, and some do no harm
  expect(outcomes['laid down']).toBeGreaterThan(ROUNDS / 20);
  expect(outcomes.refused).toBeGreaterThan(ROUNDS / 3);
});
