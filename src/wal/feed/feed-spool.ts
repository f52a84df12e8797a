import { asOdoError, cancelled } from '../../errors.ts';
import type { WalFile } from '../../formats/contract/format.ts';
import { nextSegmentName, parseSegmentName, timelineOfName } from '../../postgres/terms/wal-names.ts';
import { translateFsError } from '../../tree/places/fs-errors.ts';
import type { ArchiveEnd } from '../plan/follow-archive.ts';
import { answerWithoutAsking } from './answer-request.ts';
import type { Feeder, FeedJob } from './feeder.ts';
import { fetchCounted } from './fetch-counted.ts';
import { fetchHistories } from './fetch-histories.ts';
import { createSpoolFiles } from './spool-files.ts';
import { createSpoolWalk } from './spool-walk.ts';

/** How many segments are on their way at once while the base backup, which goes first, is laid down. */
const IN_FLIGHT_BESIDE_BASE = 2;
/** How many segments are on their way at once afterwards. */
const IN_FLIGHT = 6;

/**
 * Keeps the spool filled ahead of replay, in order, many segments at once, until it is stopped. A file that the server
 * asks for and that is not there comes next, even if the server had it before. spool-protocol.ts tells how the two
 * speak.
 */
export function feedSpool(job: FeedJob): Feeder {
  const { plan } = job;
  // One of the segments is the last one, which stays.
  const capacity = Math.max(2, Math.floor(job.spoolBytes / plan.segmentSizeBytes)) - 1;
  const files = createSpoolFiles(job.spool, job.owner, {
    segments: job.reuse,
    answers: job.onlyOnRequest === true,
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => undefined);

  /** Whole segments that wait to be taken. */
  const ready = new Set<string>();
  /** Segments on their way. */
  const fetching = new Map<string, { work: Promise<void>; stop: AbortController }>();
  /** Segments that an interrupted run left, as long as the walk has not come by. */
  const reusable = new Set<string>();
  /** Segments that were on their way when the server asked for something else, and that are still to be counted. */
  const givenUp = new Set<string>();
  const head: string[] = [];
  let inFlight = IN_FLIGHT_BESIDE_BASE;
  let furthest = '';
  let lastTaken: string | undefined;
  let end: ArchiveEnd | undefined;
  let endIsOpen = job.endIsOpen === true;
  let historiesKnown = job.onlyOnRequest === true;
  let changed = Promise.withResolvers<void>();

  const firstSegment = plan.spans[0]?.firstSegment ?? plan.endSegment;
  const behindEnd = nextSegmentName(plan.endSegment, plan.segmentSizeBytes);
  const walk = createSpoolWalk(job.archive, plan, () => end?.missing ?? behindEnd, signal);
  if (job.onlyOnRequest) walk.rest();
  let jumpTo: string | undefined;
  let isToListAnew = false;

  function wake(): void {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  const mayHoldMore = () => ready.size + fetching.size < capacity;
  const fitsOnDisk = () => job.room?.fits(plan.segmentSizeBytes) ?? true;
  const hasRoomFor = (name: string) => mayHoldMore() && (fitsOnDisk() || files.wanted().includes(name));

  /** Whether a segment still fits when those from `first` on come next. */
  function isInWindow(name: string, first: string): boolean {
    if (timelineOfName(name) !== timelineOfName(first)) return false;
    const distance =
      parseSegmentName(name, plan.segmentSizeBytes).segmentNumber -
      parseSegmentName(first, plan.segmentSizeBytes).segmentNumber;
    return distance >= 0 && distance < capacity;
  }

  function dropOutside(first: string): void {
    for (const name of [...ready].filter((held) => !isInWindow(held, first))) {
      files.removeSegment(name);
      ready.delete(name);
      reusable.delete(name);
    }
    for (const [name, { stop }] of fetching) if (!isInWindow(name, first)) stop.abort();
  }

  /**
   * Segments that the server has taken leave room. Segments that it has left behind on an earlier timeline are removed.
   */
  function noteTaken(): void {
    const there = new Set(files.segments());
    const taken = [...ready].filter((name) => !there.has(name));
    lastTaken = [...taken].sort().at(-1) ?? lastTaken;
    for (const name of taken) {
      ready.delete(name);
      reusable.delete(name);
      for (const older of [...ready].filter((held) => timelineOfName(held) < timelineOfName(name))) {
        files.removeSegment(older);
        ready.delete(older);
      }
    }
  }

  function answerRequests(): void {
    for (const name of files.wanted()) {
      if (files.has(name)) {
        files.settle(name);
        continue;
      }
      const answer = answerWithoutAsking(name, plan, { end, historiesKnown });
      if (answer === 'absent') sayAbsent(name);
      else if (answer === 'fetch' && !fetching.has(name) && !(name === walk.next() && mayHoldMore())) jumpTo = name;
    }
  }

  function sayAbsent(name: string): void {
    files.markAbsent(name);
    files.settle(name);
  }

  function onChange(): void {
    if (signal.aborted) return;
    try {
      files.demandOwn();
      noteTaken();
      answerRequests();
    } catch (error) {
      fail(error);
    }
    wake();
  }

  function begin(file: WalFile): void {
    const { name } = file;
    const isNew = name > furthest || givenUp.delete(name);
    if (name > furthest) {
      furthest = name;
      if (head.length < capacity) head.push(name);
    }
    // The server asks for this segment again at the end of its recovery.
    const kept = name === plan.endSegment;
    if (ready.has(name) || (kept && files.has(name))) {
      if (reusable.delete(name) && isNew) {
        job.tally.reusedSegment(file.sizeBytes);
      }
      return;
    }
    if (fetching.has(name)) return;
    const stop = new AbortController();
    const to = {
      target: files.pathOf(name, kept),
      temporary: files.temporaryOf(name),
      sizeBytes: plan.segmentSizeBytes,
    };
    const work = fetchCounted(job, file, to, AbortSignal.any([signal, stop.signal]))
      .then(({ readBytes, writtenBytes }) => {
        if (!kept) ready.add(name);
        if (!isNew) return;
        job.tally.read(readBytes);
        job.tally.wrote(writtenBytes);
        job.tally.segment();
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) fail(error);
        else if (isNew) givenUp.add(name);
      })
      .finally(() => {
        fetching.delete(name);
        onChange();
      });
    fetching.set(name, { work, stop });
  }

  /** Tells the end of the archive ahead, so that the server need not wait for it. */
  function sayEnd(found: ArchiveEnd): void {
    if (end || endIsOpen) return;
    end = found;
    const at = plan.spans.findIndex(({ timeline }) => timeline === timelineOfName(found.missing));
    for (const name of [found.missing, ...plan.spans.slice(at + 1).map(({ firstSegment }) => firstSegment)])
      sayAbsent(name);
    if (found.isHole && found.missing !== plan.hole) {
      job.warn(`the archive lacks ${found.missing}; nothing that was committed later can be recovered`);
    }
  }

  async function step(): Promise<void> {
    if (jumpTo !== undefined) {
      const segment = jumpTo;
      jumpTo = undefined;
      dropOutside(segment);
      await walk.goTo(segment);
    } else if (isToListAnew) await walk.listAnew();
    isToListAnew = false;
    const expected = walk.next();
    // The walk needs no room to go past segments that lie there already.
    if (expected === undefined || (!files.has(expected) && !hasRoomFor(expected)) || fetching.size >= inFlight) {
      await changed.promise;
      return;
    }
    const { done, value } = await walk.take();
    if (done) sayEnd(value);
    else if (end && value.name >= end.missing) walk.rest();
    else {
      // Only the last segment of a timeline that was left in its middle may be missing on the way, and nobody else has
      // that segment.
      if (value.name !== expected && files.wanted().includes(expected)) sayAbsent(expected);
      begin(value);
    }
    onChange();
  }

  async function run(): Promise<void> {
    for (const name of files.segments()) {
      if (!job.onlyOnRequest && !isInWindow(name, firstSegment)) files.removeSegment(name);
      else {
        ready.add(name);
        reusable.add(name);
      }
    }
    if (files.has(plan.endSegment)) reusable.add(plan.endSegment);
    files.open(onChange);
    if (!historiesKnown) {
      await fetchHistories(job, files, signal);
      historiesKnown = true;
    }
    onChange();
    while (!signal.aborted) await step();
  }

  function fail(error: unknown): void {
    if (signal.aborted) return;
    stopping.abort(cancelled(error));
    files.end(true);
    over.reject(asOdoError(translateFsError(error, job.spool)));
    wake();
  }

  const running = run().catch(fail);

  return {
    lastTaken: () => lastTaken,
    over: over.promise,
    fail,
    async fed(count) {
      const wanted = Math.min(count, capacity);
      const isFed = () =>
        (walk.next() === undefined && fetching.size === 0) ||
        (head.length >= wanted && head.slice(0, wanted).every(files.has));
      while (!isFed()) {
        if (signal.aborted) {
          await over.promise;
          throw cancelled();
        }
        if (walk.next() !== undefined && fetching.size === 0 && mayHoldMore()) job.room?.check(plan.segmentSizeBytes);
        await Promise.race([changed.promise, over.promise]);
      }
    },
    takeAllConnections() {
      inFlight = IN_FLIGHT;
      wake();
    },
    settleEnd() {
      // Listings that were begun before do not know what follows.
      isToListAnew = endIsOpen;
      endIsOpen = false;
      wake();
    },
    async stop({ forAnother = false } = {}) {
      if (!signal.aborted) {
        stopping.abort(cancelled());
        files.end(!forAnother);
        over.resolve();
        wake();
      }
      await running;
      await Promise.all([...fetching.values()].map(({ work }) => work));
    },
  };
}
