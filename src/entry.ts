#!/usr/bin/env node
import { isMainThread } from 'node:worker_threads';

// One file holds the command and the program of its threads; what is imported like this is run only where it is asked for.
await (isMainThread ? import('./main.ts') : import('./restore/unpacking-thread.ts'));
