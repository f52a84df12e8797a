#!/usr/bin/env node
import { isMainThread, workerData } from 'node:worker_threads';
import { BLOCK_THREAD } from './stream/block-protocol.ts';

// One file holds the command and the programs of its threads; what is imported like this is run only where it is asked for.
if (isMainThread) await import('./main.ts');
else if (workerData === BLOCK_THREAD) await import('./stream/block-thread.ts');
else await import('./restore/unpacking-thread.ts');
