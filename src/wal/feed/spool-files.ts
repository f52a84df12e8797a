import fs from 'node:fs';
import path from 'node:path';
import { OdoError } from '../../errors.ts';
import { isSegmentName } from '../../postgres/terms/wal-names.ts';
import type { Owner } from '../../tree/places/place.ts';
import { ABSENT, FAILED, FEEDING, HISTORIES_KNOWN, INCOMING, KEPT, WANTED } from './spool-protocol.ts';

const BEAT_MS = 1000;

/** How often changes are looked for: some file systems between containers do not tell of them. */
const LOOK_EVERY_MS = 100;

/** The feeder's side of the spool: its directories, the words to the restore_command, and the requests from it. */
export interface SpoolFiles {
  /** The path of a segment, or with `kept` of a file that is asked for more than once. */
  pathOf(name: string, kept?: boolean): string;
  /** The path of a file until it is whole. It lies apart, since every change in the other directories is looked at. */
  temporaryOf(name: string): string;
  /** Segments that wait to be taken. */
  segments(): string[];
  has(name: string): boolean;
  removeSegment(name: string): void;
  /**
   * The file that the server waits for, or nothing: the server asks for one after the other. A request of a
   * restore_command that was killed meanwhile is dropped. To go back and forth between two would bring neither.
   */
  wanted(): string[];
  /** Called when a request is answered: the file is there, or known to be absent. */
  settle(name: string): void;
  markAbsent(name: string): void;
  /** Puts a small file into the spool that the server may ask for more than once. */
  keep(name: string, text: string): void;
  markHistoriesKnown(): void;
  /** `unsafeTarget` when another feeder has made the spool its own since, or somebody has removed it. */
  demandOwn(): void;
  /**
   * Calls back at every change, and now and then without one, until it is stopped. From now on, the restore_command
   * knows that a feeder is there.
   */
  open(onChange: () => void): void;
  /**
   * Ends the feeding. The server gets only what lies in the spool.
   * @param isFault the server's next request ends its recovery, by a fault; otherwise it waits for another feeder first
   */
  end(isFault: boolean): void;
}

/** @param keep content of the spool that stays: segments, and with `answers` also the notes on absent files */
export function createSpoolFiles(
  spool: string,
  owner: Owner | undefined,
  keep: { segments: boolean; answers: boolean },
): SpoolFiles {
  const feeding = path.join(spool, FEEDING);
  prepare();
  const fd = fs.openSync(feeding, 'w', 0o600);
  own(feeding);
  let watchers: fs.FSWatcher[] = [];
  let timers: NodeJS.Timeout[] = [];
  let beat = Date.now();
  let isOpen = true;
  tell(String(beat));

  function prepare(): void {
    if (!keep.segments) fs.rmSync(spool, { recursive: true, force: true });
    const names = fs.existsSync(spool) ? fs.readdirSync(spool) : [];
    for (const name of names) {
      if (isSegmentName(name) || name === KEPT || (keep.answers && name !== INCOMING)) continue;
      fs.rmSync(path.join(spool, name), { recursive: true, force: true });
    }
    const kept = fs.existsSync(path.join(spool, KEPT)) ? fs.readdirSync(path.join(spool, KEPT)) : [];
    for (const name of kept) if (!keep.answers && !isSegmentName(name)) fs.rmSync(path.join(spool, KEPT, name));
    for (const directory of [spool, ...[KEPT, ABSENT, WANTED, INCOMING].map((name) => path.join(spool, name))]) {
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
      own(directory);
    }
  }

  function own(file: string): void {
    if (owner && process.getuid?.() === 0) fs.chownSync(file, owner.uid, owner.gid);
  }

  /** Writes words of the same length over the old ones: that needs no room on the disk. */
  function tell(words: string): void {
    try {
      fs.writeSync(fd, `${words.padEnd(16)}\n`, 0);
    } catch {
      // The feeder is silent then, which tells the restore_command the same in the end.
    }
  }

  /** Compares the numbers of the file. It is open here, so that its number is not given to another. */
  function demandOwn(): void {
    if (!isOpen || fs.statSync(feeding, { throwIfNoEntry: false })?.ino === fs.fstatSync(fd).ino) return;
    throw new OdoError('unsafeTarget', `somebody else has taken over the spool ${spool}`, {
      hint: 'nothing in it was touched; see with odo status what is there by now',
    });
  }

  function mark(file: string, text = ''): void {
    demandOwn();
    fs.writeFileSync(file, text, { mode: 0o600 });
    own(file);
  }

  function watch(directory: string, onChange: () => void): void {
    try {
      watchers.push(fs.watch(directory, { persistent: false }, onChange).on('error', () => undefined));
    } catch {
      // The number of watches is limited on a machine; looking now and then does as well.
    }
  }

  /** A restore_command that waits asks again each second. So the latest request is of the server that lives. */
  function wanted(): string[] {
    const names = fs.readdirSync(path.join(spool, WANTED));
    if (names.length < 2) return names;
    const askedAt = (name: string) =>
      fs.statSync(path.join(spool, WANTED, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const [latest, ...left] = names
      .map((name) => ({ name, at: askedAt(name) }))
      .sort((one, other) => other.at - one.at);
    for (const { name } of left) fs.rmSync(path.join(spool, WANTED, name), { force: true });
    return latest === undefined ? [] : [latest.name];
  }

  return {
    pathOf: (name, kept) => path.join(spool, ...(kept ? [KEPT] : []), name),
    temporaryOf: (name) => path.join(spool, INCOMING, name),
    segments: () => fs.readdirSync(spool).filter(isSegmentName),
    has: (name) => fs.existsSync(path.join(spool, name)) || fs.existsSync(path.join(spool, KEPT, name)),
    removeSegment: (name) => fs.rmSync(path.join(spool, name), { force: true }),
    wanted,
    settle: (name) => fs.rmSync(path.join(spool, WANTED, name), { force: true }),
    markAbsent: (name) => mark(path.join(spool, ABSENT, name)),
    keep: (name, text) => mark(path.join(spool, KEPT, name), text),
    markHistoriesKnown: () => mark(path.join(spool, HISTORIES_KNOWN)),
    demandOwn,
    open(onChange) {
      timers = [setInterval(() => tell(String(++beat)), BEAT_MS), setInterval(onChange, LOOK_EVERY_MS)];
      for (const timer of timers) timer.unref();
      watch(spool, onChange);
      watch(path.join(spool, WANTED), onChange);
    },
    end(isFault) {
      for (const timer of timers) clearInterval(timer);
      for (const watcher of watchers) watcher.close();
      watchers = [];
      if (!isOpen) return;
      isOpen = false;
      if (isFault) tell(FAILED);
      fs.closeSync(fd);
    },
  };
}
