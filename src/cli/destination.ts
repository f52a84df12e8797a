import { OdoError } from '../errors.ts';
import type { CopyRequest } from '../restore/request.ts';
import type { Arguments } from './arguments.ts';

/** Options that speak of the old data, or of the service while its data is replaced: a copy has neither. */
const OF_THE_EXCHANGE = ['wipe', 'allow-different-cluster', 'keep-previous', 'online', 'leave-stopped', 'into'];

/** Where a restore goes that leaves the service alone; undefined: into the service. */
export function copyDestination(args: Arguments): CopyRequest['copy'] | undefined {
  if (args.temporary !== true) {
    if (args.port !== undefined) throw needs('port', 'temporary');
    return undefined;
  }
  const clash = OF_THE_EXCHANGE.find((name) => args[name] !== undefined && args[name] !== false);
  if (clash !== undefined) {
    throw new OdoError('usage', `--temporary and --${clash} contradict each other`, {
      hint: "a temporary server has a volume of its own, and the service's stays as it is",
    });
  }
  if (args['archive-mode'] === 'keep') {
    throw new OdoError('usage', '--temporary and --archive-mode keep contradict each other', {
      hint: 'a temporary server archives nothing',
    });
  }
  const port = args.port ?? 0;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new OdoError('usage', '--port wants a number from 1 to 65535');
  }
  return { kind: 'temporary', port };
}

function needs(name: string, other: string): OdoError {
  return new OdoError('usage', `--${name} means nothing without --${other}`);
}
