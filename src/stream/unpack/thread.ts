import { workerData } from 'node:worker_threads';
import type { ThreadRole } from '../blocks/start-thread.ts';

// The program of the threads that unpack. A module that is imported like this is run only when it is asked for.
const { role } = workerData as { role: ThreadRole };
void (role === 'blocks' ? import('../blocks/block-thread.ts') : import('./unpack-thread.ts'));
