import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent } from '../../../../src/events.ts';
import { type KeyMeans, type SuppliedKeys, supplyKeys } from '../../../../src/restore/engine/renew-keys.ts';
import type { StoreConfig } from '../../../../src/store/kinds/open.ts';
import type { S3Credentials } from '../../../../src/store/s3/s3-credentials.ts';

const STORE: StoreConfig = { url: 's3://backups', profile: 'role' };
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let supplied: SuppliedKeys;
/** What was handed over while the work was under way. */
let given: S3Credentials[];
let events: OdoEvent[];
/** How long was paused, and what ends the pause under way, as time has passed by. */
let pauses: number[];
let passTime: () => Promise<void>;
/** What the source of the keys gives next. */
let source: () => S3Credentials;
let keysGiven: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  given = [];
  events = [];
  pauses = [];
  keysGiven = 0;
  source = () => keysFor(HOUR_MS);
  const means: KeyMeans = {
    keysOf: () => async () => source(),
    pause: (ms, signal) =>
      new Promise((resolve, reject) => {
        pauses.push(ms);
        signal.addEventListener('abort', () => reject(signal.reason));
        passTime = async () => {
          vi.setSystemTime(Date.now() + ms);
          resolve(undefined);
          await nextTurn();
        };
      }),
  };
  supplied = supplyKeys((credentials) => given.push(credentials as S3Credentials), means);
});
afterEach(() => vi.useRealTimers());

function keysFor(lifeMs: number): S3Credentials {
  keysGiven += 1;
  const expiresAt = new Date(Date.now() + lifeMs).toISOString();
  return { accessKeyId: `key-${keysGiven}`, secretAccessKey: 'secret', sessionToken: 'token', expiresAt };
}

/** Work that lasts until it is told to end; gives the keys that it began with. */
async function begin(signal = new AbortController().signal) {
  const going = Promise.withResolvers<void>();
  let began: StoreConfig | undefined;
  const done = supplied.during(
    STORE,
    (event) => events.push(event),
    signal,
    async (store) => {
      began = store;
      await going.promise;
      return 'done';
    },
  );
  done.catch(() => undefined);
  await nextTurn();
  return {
    began: () => began?.credentials,
    async end() {
      going.resolve();
      return done;
    },
    done,
  };
}

describe('keys of a restore container', () => {
  it('are those of now at first, and are exchanged ten minutes before they end, again and again', async () => {
    const work = await begin();
    expect(work.began()).toMatchObject({ accessKeyId: 'key-1' });
    await passTime();
    await passTime();
    expect(given.map(({ accessKeyId }) => accessKeyId)).toEqual(['key-2', 'key-3']);
    expect(pauses).toEqual([50 * MINUTE_MS, 50 * MINUTE_MS, 50 * MINUTE_MS]);
    expect(await work.end()).toBe('done');
    await nextTurn();
    expect(given).toHaveLength(2);
  });

  it('with a short life are exchanged at half of it', async () => {
    source = () => keysFor(15 * MINUTE_MS);
    await begin();
    expect(pauses).toEqual([7.5 * MINUTE_MS]);
  });

  it('are asked for again and again where the source has no later ones yet', async () => {
    const first = keysFor(HOUR_MS);
    source = () => first;
    await begin();
    for (let round = 0; round < 3; round++) await passTime();
    expect(given).toEqual([]);
    expect(pauses).toEqual([50 * MINUTE_MS, 5 * MINUTE_MS, 2.5 * MINUTE_MS, 1.25 * MINUTE_MS]);
  });

  it('that cannot be renewed are a warning, once, and are tried again even when they have ended', async () => {
    await begin();
    source = () => {
      throw new OdoError('storeUnreachable', 'nobody there');
    };
    for (let round = 0; round < 20; round++) await passTime();
    expect(events).toEqual([
      {
        type: 'note',
        level: 'warning',
        message: expect.stringMatching(/^the S3 keys, which end at .* cannot be renewed yet: nobody there$/),
      },
    ]);
    expect(pauses.at(-1)).toBe(5 * SECOND_MS);
    source = () => keysFor(HOUR_MS);
    await passTime();
    expect(given).toMatchObject([{ accessKeyId: 'key-2' }]);
  });

  it('that do not say when they end stay as they are', async () => {
    source = () => ({ accessKeyId: 'key', secretAccessKey: 'secret' });
    const work = await begin();
    expect(work.began()).toEqual(source());
    expect(pauses).toEqual([]);
  });

  it('serve for the next work, too, when the source is away', async () => {
    await (await begin()).end();
    source = () => {
      throw new OdoError('accessDenied', 'no longer');
    };
    const next = await begin();
    expect(next.began()).toMatchObject({ accessKeyId: 'key-1' });
    expect(await next.end()).toBe('done');
  });

  it('are exchanged in time also where each work is short', async () => {
    await (await begin()).end();
    vi.setSystemTime(Date.now() + 55 * MINUTE_MS);
    const next = await begin();
    expect(next.began()).toMatchObject({ accessKeyId: 'key-1' });
    await passTime();
    expect(given).toMatchObject([{ accessKeyId: 'key-2' }]);
    expect(pauses).toEqual([50 * MINUTE_MS, 0, 50 * MINUTE_MS]);
  });

  it('are asked for anew when those that are there have ended', async () => {
    await (await begin()).end();
    vi.setSystemTime(Date.now() + HOUR_MS);
    expect((await begin()).began()).toMatchObject({ accessKeyId: 'key-2' });
  });

  it('that cannot be had at all end the work before it begins', async () => {
    source = () => {
      throw new OdoError('accessDenied', 'no S3 credentials');
    };
    const work = await begin();
    await expect(work.done).rejects.toMatchObject({ code: 'accessDenied' });
    expect(work.began()).toBeUndefined();
  });

  it('are no reason to begin what was cancelled meanwhile', async () => {
    const controller = new AbortController();
    source = () => {
      controller.abort();
      return keysFor(HOUR_MS);
    };
    const work = await begin(controller.signal);
    await expect(work.done).rejects.toMatchObject({ code: 'cancelled' });
    expect(work.began()).toBeUndefined();
  });
});
