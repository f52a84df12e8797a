import { expect, it, vi } from 'vitest';
import { OdoError } from '../../../../src/errors.ts';
import type { OdoEvent, Report } from '../../../../src/events.ts';
import type { Engine } from '../../../../src/restore/contract/engine.ts';
import type { FedWal } from '../../../../src/restore/contract/jobs.ts';
import type { LaidDown, LayDownJob } from '../../../../src/restore/contract/lay-down-job.ts';
import { followFeeding } from '../../../../src/restore/recovery/follow-feeding.ts';

const JOB = {} as LayDownJob;
const FED: FedWal = { walSegments: 5, reusedSegments: 2, readBytes: 50, writtenBytes: 500, peakMemoryBytes: 7 };
const LAID_DOWN: LaidDown = {
  readBytes: 1,
  writtenBytes: 10,
  files: 3,
  walSegments: 0,
  reusedBytes: 0,
  reusedParts: 0,
  reusedSegments: 0,
  overridden: [],
  peakMemoryBytes: 9,
};
const never = new AbortController().signal;

/** An engine whose feeding ends as a test says. */
function feedingEngine() {
  const fed = Promise.withResolvers<FedWal>();
  let report: Report = () => undefined;
  const engine = {
    feed(_job: LayDownJob, tell: Report) {
      report = tell;
      return fed.promise;
    },
  } as unknown as Engine;
  return { engine, ...fed, tell: (event: OdoEvent) => report(event) };
}

const noOther = () => Promise.reject(new Error('no other engine is expected'));

it('adds what was fed to what was laid down', async () => {
  const { engine, resolve } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  expect(await feeding.during(never, async () => 'up')).toBe('up');
  resolve(FED);
  expect(await feeding.addTo(LAID_DOWN)).toEqual({
    ...LAID_DOWN,
    ...{ readBytes: 51, writtenBytes: 510, walSegments: 5, reusedSegments: 2 },
  });
});

it('ends a step when feeding fails, with the reason of that', async () => {
  const { engine, reject } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  let reason: unknown;
  const step = feeding.during(
    never,
    (signal) =>
      new Promise((_resolve, fail) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          fail(new OdoError('recoveryFailed', 'the server stopped'));
        });
      }),
  );
  const error = new OdoError('accessDenied', 'the key has expired');
  reject(error);
  await expect(step).rejects.toBe(error);
  expect(reason).toBe(error);
  expect(() => feeding.demandWell()).toThrow(error);
});

it('waits for the reason when the server has stopped over it before the news has come', async () => {
  const { engine, reject } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  const step = feeding.during(never, async () => {
    setTimeout(() => reject(new OdoError('dataCorrupt', 'a bit is another')), 100);
    throw new OdoError('recoveryFailed', 'the server stopped');
  });
  await expect(step).rejects.toMatchObject({ code: 'dataCorrupt' });
});

it('leaves a failure of the step as it is, where feeding is well', async () => {
  const { engine } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  const step = feeding.during(never, async () => Promise.reject(new OdoError('promotionNotSeen', 'no progress')));
  await expect(step).rejects.toMatchObject({ code: 'promotionNotSeen' });
  expect(() => feeding.demandWell()).not.toThrow();
});

it('tells of progress only while the server recovers, and of everything else always', () => {
  const { engine, tell } = feedingEngine();
  const events: OdoEvent[] = [];
  const feeding = followFeeding(engine, noOther, JOB, (event) => events.push(event));
  const progress: OdoEvent = { type: 'progress', phase: 'recover', segments: 1 };
  const note: OdoEvent = { type: 'note', level: 'warning', message: 'trying again' };
  tell(progress);
  tell(note);
  void feeding.during(never, () => new Promise(() => undefined));
  tell(progress);
  expect(events).toEqual([note, progress]);
});

it('goes on in another engine when the container has died, and counts both', async () => {
  const [first, second] = [feedingEngine(), feedingEngine()];
  const notes: OdoEvent[] = [];
  const feeding = followFeeding(
    first.engine,
    async (dead) => {
      expect(dead).toBe(first.engine);
      return second.engine;
    },
    JOB,
    (event) => notes.push(event),
  );
  const recovered = Promise.withResolvers<void>();
  const step = feeding.during(never, () => recovered.promise);
  first.tell({ type: 'progress', phase: 'recover', segments: 4, readBytes: 40 });
  first.reject(new OdoError('dockerUnreachable', 'the restore container was killed'));
  await vi.waitFor(() => expect(notes).toHaveLength(2));
  recovered.resolve();
  await step;
  second.resolve({ ...FED, walSegments: 1 });
  expect(await feeding.addTo(LAID_DOWN)).toMatchObject({ walSegments: 5, readBytes: 91 });
  expect(notes[1]).toMatchObject({ type: 'note', message: expect.stringContaining('another one goes on') });
  feeding.demandWell();
});

it('fails with the container that dies before the exchange', async () => {
  const { engine, reject } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  reject(new OdoError('dockerUnreachable', 'the restore container was killed'));
  await feeding.addTo(LAID_DOWN);
  expect(() => feeding.demandWell()).toThrow('was killed');
});

it('opens no other engine once nobody asks any more', async () => {
  const { engine, reject } = feedingEngine();
  const feeding = followFeeding(engine, noOther, JOB, () => undefined);
  feeding.drop();
  reject(new OdoError('dockerUnreachable', 'the restore container was killed'));
  await feeding.addTo(LAID_DOWN);
  feeding.demandWell();
});
