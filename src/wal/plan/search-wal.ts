import type { WalFile } from '../../formats/contract/format.ts';
import { timelineOfName } from '../../postgres/terms/wal-names.ts';
import { createMarkFinder, type WalMark } from '../../postgres/wal/wal-marks.ts';
import type { ObjectStore } from '../../store/objects/object-store.ts';
import { type ReadSegmentOptions, readSegment } from '../archive/read-segment.ts';

/** Bytes of segments that are held in memory at once, unless a single one is larger. */
const AHEAD_BYTES = 64 * 1024 * 1024;
const MAX_AHEAD = 8;

/** A mark, and the number of the file in which its record ends. */
export interface FoundMark {
  mark: WalMark;
  index: number;
}

/** Segments that follow each other, perhaps over several timelines. */
export interface SegmentRun {
  files: readonly WalFile[];
  /** Where timelines were left for the next one. An older timeline's segment is not replayed from there on. */
  leftAt: ReadonlyMap<number, bigint>;
}

/**
 * Looks for marks in archived segments. A segment is fetched and unpacked for this, and only its marks are remembered.
 */
export interface WalSearch {
  /** The first mark that passes. */
  first(stretch: SegmentRun, passes: (mark: WalMark) => boolean): Promise<FoundMark | undefined>;
  /** The first end of a transaction after a time. Times ascend, so the search halves, and looks at few segments. */
  firstEndFrom(stretch: SegmentRun, passes: (micros: bigint) => boolean): Promise<FoundMark | undefined>;
  /** The last end of a transaction. */
  lastEnd(stretch: SegmentRun): Promise<FoundMark | undefined>;
}

/** @param segmentSizeBytes of the archive's segments; a file of another size is dataCorrupt */
export function searchWal(
  store: ObjectStore,
  segmentSizeBytes: number,
  options: Pick<ReadSegmentOptions, 'signal' | 'systemIdentifier'> = {},
): WalSearch {
  /**
   * Marks by the file's key. A segment that is read without the one before it lacks the record that runs into it: it is
   * not whole then.
   */
  const known = new Map<string, { marks: WalMark[]; whole: boolean }>();
  const parallel = Math.min(MAX_AHEAD, Math.max(1, Math.floor(AHEAD_BYTES / segmentSizeBytes)));

  const fetch = (file: WalFile) => readSegment(store, file, segmentSizeBytes, options);

  async function* walk(
    { files, leftAt }: SegmentRun,
    together = parallel,
  ): AsyncGenerator<{ index: number; marks: WalMark[] }> {
    const finder = createMarkFinder();
    const ahead = new Map<number, Promise<Buffer>>();
    const isKnown = (index: number) => {
      const entry = known.get((files[index] as WalFile).key);
      return entry !== undefined && (index === 0 || entry.whole);
    };
    const request = (index: number): Promise<Buffer> => {
      const promise = ahead.get(index) ?? fetch(files[index] as WalFile);
      // A failure is met when the turn of its segment comes. Until then nobody listens.
      promise.catch(() => undefined);
      ahead.set(index, promise);
      return promise;
    };
    let fed = -1;
    for (const [index, file] of files.entries()) {
      if (!isKnown(index)) {
        for (let next = index; next < Math.min(index + together, files.length); next++)
          if (!isKnown(next)) request(next);
        if (index > 0 && fed !== index - 1) finder.feed(await request(index - 1));
        known.set(file.key, { marks: finder.feed(await request(index)), whole: index > 0 });
        for (const done of [index - 1, index]) ahead.delete(done);
        fed = index;
      }
      const end = leftAt.get(timelineOfName(file.name));
      yield { index, marks: (known.get(file.key)?.marks ?? []).filter(({ lsn }) => end === undefined || lsn < end) };
    }
  }

  async function first(
    stretch: SegmentRun,
    passes: (mark: WalMark) => boolean,
    together?: number,
  ): Promise<FoundMark | undefined> {
    for await (const { index, marks } of walk(stretch, together)) {
      const mark = marks.find(passes);
      if (mark) return { mark, index };
    }
    return undefined;
  }

  return {
    first: (stretch, passes) => first(stretch, passes),
    async firstEndFrom({ files, leftAt }, passes) {
      let [low, high] = [0, files.length];
      // Marks that begin before `low` fail. Those in or behind `high` pass, or there are none.
      while (low < high) {
        const middle = (low + high) >> 1;
        const next = await first({ files: files.slice(middle, high), leftAt }, isEnd, 1);
        if (!next || passes(next.mark.micros)) high = middle;
        else low = middle + next.index + 1;
      }
      // A segment whose first mark fails may end with one that passes.
      const from = Math.max(0, low - 1);
      const found = await first({ files: files.slice(from), leftAt }, (mark) => isEnd(mark) && passes(mark.micros), 1);
      return found && { mark: found.mark, index: found.index + from };
    },
    async lastEnd({ files, leftAt }) {
      for (let index = files.length - 1; index >= 0; index--) {
        // The segment before is walked, too: a record may run from it into this one.
        const from = Math.max(0, index - 1);
        for await (const { index: at, marks } of walk({ files: files.slice(from, index + 1), leftAt }, 1)) {
          const mark = marks.findLast(isEnd);
          if (mark && from + at === index) return { mark, index };
        }
      }
      return undefined;
    },
  };
}

export function isEnd({ kind }: WalMark): boolean {
  return kind !== 'restore point';
}
