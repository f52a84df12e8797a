import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tar, { type Header } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { TarEntry } from '../../../../src/stream/bytes/entry.ts';
import { untar } from '../../../../src/stream/bytes/untar.ts';

const name = 's3://bucket/base.tar';
const LONG = `${'a-very-long-name-'.repeat(8)}/${'and-another-'.repeat(12)}é`;

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Everything of an archive in memory. */
async function unpack(archive: Buffer, chunkBytes = 1 << 20) {
  const members: { entry: TarEntry; content: Buffer; isEnded: boolean }[] = [];
  const total = await untar(
    inChunks(archive, chunkBytes),
    (entry) => {
      const chunks: Buffer[] = [];
      const member = { entry, content: Buffer.alloc(0), isEnded: false };
      members.push(member);
      return {
        write: (chunk) => void chunks.push(Buffer.from(chunk)),
        end: () => {
          member.content = Buffer.concat(chunks);
          member.isEnded = true;
        },
      };
    },
    { name },
  );
  return { members, total };
}

/** An archive by tar-stream, for what GNU tar will not make. */
async function pack(...members: (Partial<Header> & { name: string; content?: string | Buffer })[]): Promise<Buffer> {
  const archive = tar.pack();
  for (const { content, ...header } of members) archive.entry(header, content ?? '');
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Writes a number into a header field and puts the header's checksum right. */
function withField(archive: Buffer, offset: number, bytes: Buffer): Buffer {
  const changed = Buffer.from(archive);
  bytes.copy(changed, offset);
  changed.fill(' ', 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return changed;
}

describe('an archive of GNU tar', () => {
  let directory: string;
  const big = randomBytes(3_000_000);
  const gnuTar = (format: string, ...more: string[]) =>
    execFileSync(
      'tar',
      [
        '--create',
        `--format=${format}`,
        '--sort=name',
        '--owner=pg:26',
        '--group=pg:3000000',
        ...more,
        '-C',
        directory,
        '.',
      ],
      {
        maxBuffer: 1 << 26,
      },
    );

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'odo-untar-'));
    mkdirSync(join(directory, LONG.slice(0, LONG.indexOf('/'))));
    writeFileSync(join(directory, LONG), 'long', { mode: 0o640 });
    writeFileSync(join(directory, 'big'), big, { mode: 0o600 });
    writeFileSync(join(directory, 'empty'), '', { mode: 0o600 });
    linkSync(join(directory, 'big'), join(directory, 'hard'));
    symlinkSync('/elsewhere/16387', join(directory, 'link'));
    utimesSync(join(directory, 'empty'), 1_700_000_000.25, 1_700_000_000.25);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each([
    ['posix', 1 << 20],
    ['posix', 1000],
    ['gnu', 1 << 20],
    ['gnu', 512],
  ])('in %s format, in chunks of %i bytes', async (format, chunkBytes) => {
    const { members, total } = await unpack(gnuTar(format), chunkBytes);
    const byPath = new Map(members.map((member) => [member.entry.path, member]));
    expect([...byPath.keys()]).toEqual(['', LONG.slice(0, LONG.indexOf('/')), LONG, 'big', 'empty', 'hard', 'link']);
    expect(members.every(({ isEnded }) => isEnded)).toBe(true);
    expect(total).toEqual({ entries: 7, bytes: big.length + 4 });
    expect(byPath.get(LONG)).toMatchObject({
      entry: { type: 'file', mode: 0o640, uid: 26, gid: 3_000_000, sizeBytes: 4 },
      content: Buffer.from('long'),
    });
    expect(byPath.get('big')?.content.equals(big)).toBe(true);
    expect(byPath.get('empty')).toMatchObject({
      entry: { sizeBytes: 0, mtimeMs: format === 'posix' ? 1_700_000_000_250 : 1_700_000_000_000 },
    });
    expect(byPath.get('hard')?.entry).toMatchObject({ type: 'link', linkName: 'big' });
    expect(byPath.get('link')?.entry).toMatchObject({ type: 'symlink', linkName: '/elsewhere/16387' });
    expect(byPath.get('')?.entry.type).toBe('directory');
  });

  test('an end anywhere before the end mark is an error', async () => {
    const archive = gnuTar('posix');
    let end = archive.length;
    while (archive[end - 1] === 0) end -= 1;
    // The last member is a link: its header's last block ends where the end mark begins.
    const whole = Math.ceil(end / 512) * 512;
    await expect(unpack(archive.subarray(0, whole + 1024))).resolves.toMatchObject({ total: { entries: 7 } });
    for (const cut of [whole + 512, whole, whole - 512, whole + 700, 2_000_000, 1024, 511, 0]) {
      await expect(unpack(archive.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({
        code: 'dataCorrupt',
        message: expect.stringContaining(name),
      });
    }
  });

  test('a damaged header is an error', async () => {
    const archive = gnuTar('gnu');
    const at = archive.indexOf('empty\0');
    archive.writeUInt8(0x41, at);
    await expect(unpack(archive)).rejects.toMatchObject({
      code: 'dataCorrupt',
      message: expect.stringContaining('is not a well-formed tar'),
    });
  });

  test('a sparse member is refused, and not written wrongly', async () => {
    execFileSync('truncate', ['-s', '10M', join(directory, 'zz-sparse')]);
    try {
      for (const format of ['posix', 'gnu']) {
        await expect(unpack(gnuTar(format, '--sparse'))).rejects.toMatchObject({
          code: 'dataCorrupt',
          hint: expect.stringContaining('sparse'),
        });
      }
    } finally {
      rmSync(join(directory, 'zz-sparse'));
    }
  });
});

test('a file whose last blocks are zeros is not taken for the end mark', async () => {
  const archive = await pack({ name: 'zeros', content: Buffer.alloc(8192) });
  await expect(unpack(archive)).resolves.toMatchObject({ total: { bytes: 8192 } });
  await expect(unpack(archive.subarray(0, 512 + 8192))).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: `${name} ends after 8704 bytes, without the end mark of a tar`,
  });
});

test('an archive of nothing but the end mark is whole', async () => {
  expect((await unpack(Buffer.alloc(1024))).total).toEqual({ entries: 0, bytes: 0 });
});

test.each(['/etc/passwd', '../outside', 'base/../../outside', 'base/..'])('the path %s is refused', async (path) => {
  const refused = { code: 'dataCorrupt', message: expect.stringContaining(path) };
  await expect(unpack(await pack({ name: path, content: 'x' }))).rejects.toMatchObject(refused);
  await expect(unpack(await pack({ name: 'a', type: 'link', linkname: path }))).rejects.toMatchObject(refused);
});

test('paths are given without what does not matter in them', async () => {
  const { members } = await unpack(await pack({ name: './base//1/./2' }, { name: 'global/', type: 'directory' }));
  expect(members.map(({ entry }) => entry.path)).toEqual(['base/1/2', 'global']);
});

test('a member of more than 8 GiB is announced with its size', async () => {
  // Twelve bytes in base 256, as GNU tar writes such sizes: 9 GiB.
  const size = Buffer.from('800000000000000240000000', 'hex');
  const archive = withField(await pack({ name: 'huge', content: 'x' }), 124, size);
  const seen: number[] = [];
  const reading = untar(
    inChunks(archive, 512),
    (entry) => {
      seen.push(entry.sizeBytes);
      return { write: () => {}, end: () => {} };
    },
    { name },
  );
  await expect(reading).rejects.toMatchObject({
    code: 'dataCorrupt',
    message: expect.stringContaining('in the middle of a member'),
  });
  expect(seen).toEqual([9 * 2 ** 30]);
});

test('twenty thousand small members are cheap', async () => {
  const archive = await pack(
    ...Array.from({ length: 20_000 }, (_, index) => ({ name: `base/1/${index}`, content: 'x' })),
  );
  const started = performance.now();
  let written = 0;
  const write = (chunk: Buffer) => {
    written += chunk.length;
  };
  await untar(inChunks(archive, 1 << 20), () => ({ write, end: () => {} }), { name });
  expect(written).toBe(20_000);
  expect(performance.now() - started).toBeLessThan(15_000);
});

describe('the sinks', () => {
  const sink = { write: () => {}, end: () => {} };
  const members = () => pack({ name: 'first', content: randomBytes(100_000) }, { name: 'second', content: 'x' });
  const reading = async (onEntry: Parameters<typeof untar>[1]) =>
    untar(inChunks(await members(), 10_000), onEntry, { name });

  test('are used one after the other, and waited for', async () => {
    const log: string[] = [];
    const slowly = async (what: string) => {
      log.push(`> ${what}`);
      await sleep(1);
      log.push(`< ${what}`);
    };
    await reading(async ({ path }) => {
      await slowly(`open ${path}`);
      return { write: () => slowly(`write ${path}`), end: () => slowly(`end ${path}`) };
    });
    for (let index = 0; index < log.length; index += 2) expect(log[index + 1]).toBe(log[index]?.replace('>', '<'));
    expect(log[0]).toBe('> open first');
    expect(log.slice(-6)).toEqual([
      '> open second',
      '< open second',
      '> write second',
      '< write second',
      '> end second',
      '< end second',
    ]);
  });

  test.each([
    ['opening', () => Promise.reject(new OdoError('noSpace', 'full'))],
    [
      'opening at once',
      () => {
        throw new OdoError('noSpace', 'full');
      },
    ],
    ['writing', () => ({ ...sink, write: () => Promise.reject(new OdoError('noSpace', 'full')) })],
    [
      'writing at once',
      () => ({
        ...sink,
        write: () => {
          throw new OdoError('noSpace', 'full');
        },
      }),
    ],
    ['ending', () => ({ ...sink, end: () => Promise.reject(new OdoError('noSpace', 'full')) })],
    [
      'ending the last',
      (entry: TarEntry) =>
        entry.path === 'first' ? sink : { ...sink, end: () => Promise.reject(new OdoError('noSpace', 'full')) },
    ],
  ] as [string, Parameters<typeof untar>[1]][])('fail as they are when %s fails', async (_, onEntry) => {
    await expect(reading(onEntry)).rejects.toMatchObject({ code: 'noSpace', message: 'full' });
  });

  test('a mistake of ours in them is not taken for a damaged archive', async () => {
    await expect(
      reading(() => ({
        ...sink,
        write: () => undefined as never,
        end: () => (undefined as never as { x(): void }).x(),
      })),
    ).rejects.toThrow(TypeError);
  });
});

test('errors of the source pass through, and it is returned when a sink fails', async () => {
  const archive = await pack({ name: 'first', content: randomBytes(100_000) });
  const broken = new OdoError('storeUnreachable', 'gone');
  const breaking = async function* () {
    yield archive.subarray(0, 50_000);
    throw broken;
  };
  await expect(untar(breaking(), () => ({ write: () => {}, end: () => {} }), { name })).rejects.toBe(broken);

  let isReturned = false;
  const endless = async function* () {
    try {
      for (;;) yield archive.subarray(0, 50_000);
    } finally {
      isReturned = true;
    }
  };
  const full = () => Promise.reject(new OdoError('noSpace', 'full'));
  await expect(untar(endless(), () => ({ write: full, end: () => {} }), { name })).rejects.toMatchObject({
    code: 'noSpace',
  });
  expect(isReturned).toBe(true);
});

test('is cancelled by the signal', async () => {
  const reading = untar(inChunks(Buffer.alloc(1024), 512), () => ({ write: () => {}, end: () => {} }), {
    name,
    signal: AbortSignal.abort(),
  });
  await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
});
