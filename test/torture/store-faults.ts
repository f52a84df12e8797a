import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { Fault as Wrong } from '../integration/parts/fault-proxy.ts';
import { deleteObjects, listKeys, putObject, readObject, s3 } from '../integration/parts/s3.ts';
import { BOTH, type Fault, type Scene } from './fault.ts';

const OBJECTS = /^GET [^?]+\.(gz|history)\b/;
const ANYTHING = /./;
/** Those of the repository. */
const SEGMENT_BYTES = 1 << 20;

/** Requests under way break, and so do the next few, each after some bytes. */
function burst(scene: Scene, wrong: () => Wrong, atMost = 8): void {
  let left = scene.random.int(1, atMost);
  scene.note(`${left} requests`);
  scene.proxy.fault(OBJECTS, () => (left-- > 0 ? wrong() : undefined));
}

function someBytes({ random }: Scene): number {
  return random.pick([0, 1, random.int(2, 20_000), random.int(20_000, 3_000_000)]);
}

/** For a while every request is answered with an error. */
function outage(scene: Scene, status: number, code: string): void {
  const forMs = scene.random.int(200, 1500);
  const until = performance.now() + forMs;
  scene.note(`${status} ${code} for ${forMs} ms`);
  scene.proxy.fault(ANYTHING, () => (performance.now() < until ? { do: 'answer', status, code } : undefined));
}

/** Does something to an object in the store itself, and puts it back after the run. */
async function damage(scene: Scene, key: string, how: (body: Buffer) => Buffer | undefined): Promise<void> {
  const { bucket } = scene.repository;
  const body = await readObject(bucket, key);
  scene.repairLater(() => putObject(bucket, key, body));
  const other = how(body);
  scene.note(`${key}: ${other === undefined ? 'deleted' : `${other.length} other bytes`}`);
  if (other === undefined) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  else await putObject(bucket, key, other);
}

/** Puts a copy of another object into the store, until the run is over. */
async function addObject({ repository, repairLater }: Scene, key: string, like: string): Promise<void> {
  const { bucket } = repository;
  repairLater(() => deleteObjects(bucket, [key]));
  await putObject(bucket, key, await readObject(bucket, like));
}

async function dataKey({ repository, restoring }: Scene): Promise<string> {
  const keys = await listKeys(repository.bucket, repository.prefixes[restoring]);
  const key = keys.find((candidate) => /\/(data|base)\.tar\.gz$/.test(candidate));
  if (!key) throw new Error(`no data object in ${keys.join(' ')}`);
  return key;
}

function noise({ random }: Scene, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.int(0, 255)));
}

async function flip(scene: Scene, key: string, sizeBytes: number): Promise<void> {
  const atByte = scene.random.int(20, sizeBytes - 1);
  let times = scene.random.chance(0.5) ? 1 : Number.POSITIVE_INFINITY;
  scene.note(`${key} at ${atByte}, ${times === 1 ? 'once' : 'always'}`);
  const match = new RegExp(`^GET /[^?]*${key.replaceAll(/[.*+?^$()[\]{}|\\]/g, '\\$&')}`);
  scene.proxy.fault(match, () => (times-- > 0 ? { do: 'flip', atByte } : undefined));
}

// WAL is fetched from the laying down on, until the server has recovered.
const LATER = ['prove', 'lay-down', 'stop', 'lay-down', 'wal', 'recover'] as const;

const AT_ONCE_AND_LATER = ['prove', 'prove', 'stop', 'lay-down', 'wal', 'recover'] as const;

export const STORE_FAULTS: readonly Fault[] = [
  {
    name: 'reset',
    about: 'connections under way and the next 1–8 are reset',
    moments: LATER,
    repositories: BOTH,
    codes: [],
    async strike(scene) {
      burst(scene, () => ({ do: 'cut', afterBytes: someBytes(scene), reset: true }));
      scene.proxy.breakAll();
    },
  },
  {
    name: 'truncated',
    about: 'the next 1–8 bodies end early, or are well-formed but short',
    moments: LATER,
    repositories: BOTH,
    codes: [],
    async strike(scene) {
      const short = scene.random.chance(0.5);
      if (!short) scene.proxy.breakAll();
      burst(scene, () =>
        short ? { do: 'short', bytes: Math.max(1, someBytes(scene)) } : { do: 'cut', afterBytes: someBytes(scene) },
      );
    },
  },
  {
    name: 'stall',
    about: 'no byte passes for 0.2–2 s, or the next 1–8 bodies stand still for so long',
    moments: LATER,
    repositories: BOTH,
    codes: [],
    async strike(scene) {
      const forMs = scene.random.int(200, 2000);
      if (scene.random.chance(0.5)) scene.proxy.hold(forMs);
      else burst(scene, () => ({ do: 'stall', afterBytes: someBytes(scene), forMs }));
    },
  },
  {
    name: 'stall for good',
    about: 'the next 1–3 bodies stand still, and the connections stay open',
    weight: 0.2,
    moments: LATER,
    repositories: BOTH,
    // A proof gives up earlier than a download, before anything is touched.
    codes: [10],
    // A download is taken for stalled after 30 s, and only then asked for again: three in a row may hit the same few
    // bytes.
    retryForS: 120,
    async strike(scene) {
      burst(scene, () => ({ do: 'stall', afterBytes: someBytes(scene) }), 3);
    },
  },
  {
    name: 'slow line',
    about: '0.3–3 MB/s on every connection',
    moments: ['prove'],
    repositories: BOTH,
    codes: [],
    async strike(scene) {
      const bytesPerSecond = scene.random.int(300_000, 3_000_000);
      scene.note(`${bytesPerSecond} bytes/s`);
      scene.proxy.fault(OBJECTS, { do: 'slow', bytesPerSecond });
    },
  },
  {
    name: 'slow answers',
    about: 'every answer begins 50–300 ms late',
    weight: 0.5,
    moments: ['prove'],
    repositories: BOTH,
    codes: [],
    async strike(scene) {
      scene.proxy.fault(ANYTHING, () => ({ do: 'wait', forMs: scene.random.int(50, 300) }));
    },
  },
  {
    name: '503 for a while',
    about: '503 SlowDown to every request for 0.2–1.5 s',
    moments: LATER,
    repositories: BOTH,
    codes: [],
    strike: async (scene) => outage(scene, 503, 'SlowDown'),
  },
  {
    name: '500 for a while',
    about: '500 InternalError to every request for 0.2–1.5 s',
    moments: LATER,
    repositories: BOTH,
    codes: [],
    strike: async (scene) => outage(scene, 500, 'InternalError'),
  },
  {
    name: 'store gone',
    about: 'from some moment on every connection is refused, or every answer is 503',
    moments: LATER,
    repositories: BOTH,
    codes: [10],
    async strike({ random, proxy, note }) {
      const refused = random.chance(0.5);
      note(refused ? 'connections refused' : '503 for good');
      if (refused) await proxy.goAway();
      else proxy.fault(ANYTHING, { do: 'answer', status: 503, code: 'SlowDown' });
    },
  },
  {
    name: 'expired keys',
    about: '403 ExpiredToken from some moment on',
    moments: LATER,
    repositories: BOTH,
    codes: [11],
    async strike({ proxy }) {
      proxy.fault(ANYTHING, { do: 'answer', status: 403, code: 'ExpiredToken' });
    },
  },
  {
    name: 'replaced object',
    about: 'the data object is overwritten in the store, by other bytes of the same or another length',
    moments: LATER,
    repositories: BOTH,
    codes: [13, 14],
    async strike(scene) {
      const sameLength = scene.random.chance(0.5);
      await damage(scene, await dataKey(scene), (body) =>
        sameLength ? noise(scene, body.length) : body.subarray(0, Math.floor(body.length / 2)),
      );
    },
  },
  {
    name: 'removed object',
    about: 'the data object is deleted from the store',
    moments: LATER,
    repositories: BOTH,
    codes: [12, 13],
    async strike(scene) {
      await damage(scene, await dataKey(scene), () => undefined);
    },
  },
  {
    name: 'flipped bit',
    about: 'one bit of the data object arrives changed, once or always',
    moments: ['prove', 'stop', 'prove', 'lay-down'],
    repositories: BOTH,
    codes: [14],
    async strike(scene) {
      const key = await dataKey(scene);
      await flip(scene, key, (await readObject(scene.repository.bucket, key)).length);
    },
  },
  {
    name: 'flipped bit in WAL',
    about: 'one bit of a WAL segment arrives changed, once or always',
    moments: ['prove', 'stop', 'lay-down'],
    repositories: ['barman'],
    codes: [14],
    async strike(scene) {
      const { key } = scene.random.pick(scene.repository.segments);
      await flip(scene, key, (await readObject(scene.repository.bucket, key)).length);
    },
  },
  {
    name: 'lost history',
    about: 'segments of a newer timeline come into the archive, and no history that leads to them',
    moments: AT_ONCE_AND_LATER,
    repositories: ['barman'],
    codes: [2],
    async strike(scene) {
      const { segments } = scene.repository;
      const some = segments.slice(scene.random.int(1, segments.length - 1));
      for (const { key } of some) await addObject(scene, key.replaceAll(/\/00000001/g, '/00000002'), key);
      scene.note(`${some.length} segments`);
    },
  },
  {
    name: 'two ends',
    about: 'the history of a newer timeline, which left this one before its end, comes into the archive',
    moments: AT_ONCE_AND_LATER,
    repositories: ['barman'],
    codes: [2],
    async strike(scene) {
      const { bucket, segments } = scene.repository;
      const { name, key } = scene.random.pick(segments.filter(({ required }) => !required));
      const offset = Number.parseInt(name.slice(16), 16) * SEGMENT_BYTES;
      const lsn = `${Number.parseInt(name.slice(8, 16), 16).toString(16)}/${offset.toString(16)}`.toUpperCase();
      const history = `1\t${lsn}\tno recovery target specified\n`;
      const added = key.replace(/[0-9A-F]{16}\/[0-9A-F]{24}/, '00000002.history');
      scene.repairLater(() => deleteObjects(bucket, [added]));
      await putObject(bucket, added, gzipSync(history));
      scene.note(`it left at ${lsn}`);
    },
  },
  {
    name: 'raised parameter',
    about: 'the WAL raises a parameter above what the backup has of it',
    moments: [],
    repositories: ['raised'],
    codes: [],
  },
  {
    name: 'missing WAL',
    about: 'one WAL segment is deleted from the archive',
    moments: LATER,
    repositories: ['barman'],
    codes: [12, 13],
    async strike(scene) {
      const { segments } = scene.repository;
      const lost = scene.random.pick(segments);
      const before = segments[segments.indexOf(lost) - 1];
      if (!lost.required && before) scene.acceptHole(before.digest);
      // Nothing tells an archive whose last segment was never seen from one that ends there.
      if (before && lost === segments.at(-1)) scene.acceptEnd(before.digest, lost.name);
      await damage(scene, lost.key, () => undefined);
    },
  },
];
