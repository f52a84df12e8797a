import type { Worker } from 'node:worker_threads';
import { OdoError } from '../../errors.ts';
import type { Block, BlockAnswer, BlockOutcome, BlockRequest } from './block-protocol.ts';
import { startThread } from './start-thread.ts';

/**
 * Threads that decode blocks of bzip2 streams beside each other, for any number of objects at once. They are started
 * when the first block comes.
 */
export interface BlockPool {
  readonly threads: number;
  /** Begins a block, in the order in which blocks come. A decoding that is not read to its end has to be dropped. */
  decode(block: Block): BlockDecoding;
  close(): Promise<void>;
}

/** The decoding of one block. */
export interface BlockDecoding {
  /**
   * The next piece that the block gives, the taker's to keep; after the last one, the outcome. `bug` when the thread
   * dies.
   */
  next(): Promise<Uint8Array<ArrayBuffer> | BlockOutcome>;
  /** Says that nothing more of the block is wanted. */
  drop(): void;
}

/** A thread works at one block, and has the next one at hand. */
const BLOCKS_AT_A_THREAD = 2;

/** A block that waits for a thread, or is at one. */
interface Job {
  id: number;
  block: Block;
  thread: Thread | undefined;
  answers: BlockAnswer[];
  wake: () => void;
}

interface Thread {
  worker: Worker;
  jobs: number;
}

/** A pool of so many threads; close() ends them. */
export function createBlockPool(threads: number): BlockPool {
  const started: Thread[] = [];
  const jobs = new Map<number, Job>();
  /**
   * Jobs that are not at a thread yet. They go there in the order in which they came, whichever object they belong to.
   * So a block whose taker first waits for another block can never be what that other one waits for.
   */
  const waiting = new Set<Job>();
  let death: OdoError | undefined;
  let lastId = 0;

  function start(): Thread {
    const worker = startThread('blocks');
    const thread = { worker, jobs: 0 };
    worker.on('message', (answer: BlockAnswer) => take(thread, answer));
    worker.on('error', die);
    worker.on('exit', die);
    started.push(thread);
    return thread;
  }

  function take(thread: Thread, answer: BlockAnswer): void {
    if (answer.is === 'end') {
      thread.jobs -= 1;
      handOut();
    }
    const job = jobs.get(answer.id);
    job?.answers.push(answer);
    job?.wake();
  }

  function die(cause: unknown): void {
    death ??= new OdoError('bug', 'a thread that unpacks the backup ended', {
      cause: cause instanceof Error ? cause : undefined,
    });
    for (const job of jobs.values()) job.wake();
  }

  function handOut(): void {
    for (const job of waiting) {
      const thread = freest();
      if (!thread) return;
      waiting.delete(job);
      job.thread = thread;
      thread.jobs += 1;
      ask(thread, { do: 'decode', id: job.id, block: job.block });
    }
  }

  function freest(): Thread | undefined {
    const idle = started.find((thread) => thread.jobs === 0);
    if (idle) return idle;
    if (started.length < threads) return start();
    const [first] = started.toSorted((a, b) => a.jobs - b.jobs);
    return first && first.jobs < BLOCKS_AT_A_THREAD ? first : undefined;
  }

  function ask({ worker }: Thread, request: BlockRequest): void {
    worker.postMessage(request);
  }

  return {
    threads,
    decode(block) {
      lastId += 1;
      const job: Job = { id: lastId, block, thread: undefined, answers: [], wake: () => {} };
      jobs.set(job.id, job);
      waiting.add(job);
      handOut();
      return {
        async next() {
          for (;;) {
            const answer = job.answers.shift();
            if (answer?.is === 'made') {
              if (job.thread) ask(job.thread, { do: 'more', id: job.id });
              return answer.bytes;
            }
            if (answer) jobs.delete(job.id);
            if (answer) return answer.outcome;
            if (death) throw death;
            await new Promise<void>((resolve) => (job.wake = resolve));
          }
        },
        drop() {
          jobs.delete(job.id);
          waiting.delete(job);
          if (job.thread) ask(job.thread, { do: 'drop', id: job.id });
        },
      };
    },
    async close() {
      await Promise.all(started.map(({ worker }) => worker.terminate()));
    },
  };
}
