import { OdoError } from '../../errors.ts';
import { LEAST_MEMORY_BYTES, type Means } from '../../restore/lay-down/share-out.ts';
import type { Arguments } from './argument-values.ts';
import { parseSize } from './parse-size.ts';

/** The most connections: more do not help, and each holds memory. */
const MOST_CONNECTIONS = 64;

/** The memory and the connections that a restore may take. */
export function meansRequest(args: Arguments): Means {
  return { ...memoryOf(args), ...connectionsOf(args) };
}

function memoryOf({ memory }: Arguments): Means {
  if (memory === undefined) return {};
  const memoryBytes = parseSize(String(memory));
  if (memoryBytes !== undefined && memoryBytes >= LEAST_MEMORY_BYTES) return { memoryBytes };
  throw new OdoError('usage', `--memory wants a size of ${LEAST_MEMORY_BYTES / 2 ** 20} MiB at least, not ${memory}`, {
    hint: 'such as --memory 512M',
  });
}

function connectionsOf({ connections }: Arguments): Means {
  if (connections === undefined) return {};
  const count = /^\d+$/.test(String(connections)) ? Number(connections) : 0;
  if (count >= 1 && count <= MOST_CONNECTIONS) return { connections: count };
  throw new OdoError('usage', `--connections wants a number from 1 to ${MOST_CONNECTIONS}, not ${connections}`);
}
