import { setImmediate as otherWork } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { takeDecoder } from '../decode/decoder.ts';
import {
  type Block,
  type BlockAnswer,
  type BlockOutcome,
  type BlockRequest,
  PIECES_UNDER_WAY,
} from './block-protocol.ts';

// The thread's side of block-pool.ts: it decodes blocks of bzip2 streams, and hands over what they give.

/** One block that this thread was given. */
interface Job {
  id: number;
  block: Block;
  allowed: number;
  isDropped: boolean;
}

if (!parentPort) throw new Error('this is the program of a thread');
const port = parentPort;
const decoder = takeDecoder();
/** The blocks to decode. The first one is being worked at. */
const jobs: Job[] = [];
let wake = () => {};

port.on('message', (request: BlockRequest) => {
  if (request.do === 'decode') {
    jobs.push({ id: request.id, block: request.block, allowed: PIECES_UNDER_WAY, isDropped: false });
    if (jobs.length === 1) void work();
    return;
  }
  const job = jobs.find(({ id }) => id === request.id);
  if (job && request.do === 'more') job.allowed += 1;
  if (job && request.do === 'drop') job.isDropped = true;
  wake();
});

async function work(): Promise<void> {
  for (let job = jobs[0]; job; job = jobs[0]) {
    const outcome = await decode(job);
    jobs.shift();
    answer({ is: 'end', id: job.id, outcome });
  }
}

async function decode(job: Job): Promise<BlockOutcome> {
  const { level, bytes, sharedBits, restBits } = job.block;
  decoder.beginAt({ level, combinedCrc: 0, restBits: sharedBits }, bytes[0] ?? 0);
  for (let at = sharedBits > 0 ? 1 : 0, isDry = false; at < bytes.length || !isDry; ) {
    const step = decoder.step(bytes.subarray(at, at + decoder.maxInputBytes), false);
    at += step.usedBytes;
    isDry = step.made.length < decoder.maxOutputBytes;
    if (step.state !== 'going on' || (step.usedBytes === 0 && isDry && at < bytes.length)) return { isWhole: false };
    if (step.made.length > 0) await handOver(job, new Uint8Array(step.made));
    else await otherWork();
    if (job.isDropped) return { isWhole: false };
  }
  const reached = decoder.boundary();
  return reached?.restBits === restBits ? { isWhole: true, crc: reached.combinedCrc } : { isWhole: false };
}

async function handOver(job: Job, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await otherWork();
  while (job.allowed === 0 && !job.isDropped) await new Promise<void>((resolve) => (wake = resolve));
  if (job.isDropped) return;
  job.allowed -= 1;
  answer({ is: 'made', id: job.id, bytes }, [bytes.buffer]);
}

function answer(message: BlockAnswer, moved: ArrayBuffer[] = []): void {
  port.postMessage(message, moved);
}
