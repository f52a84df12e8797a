import { OdoError } from '../../errors.ts';
import type { CopyRequest } from '../../restore/contract/request.ts';
import type { Arguments } from './argument-values.ts';

/** Options that speak of the old data, or of the service while its data is replaced: a copy has neither. */
const OF_THE_EXCHANGE = [
  'wipe',
  'allow-different-cluster',
  'accept-loss',
  'keep-previous',
  'online',
  'leave-stopped',
  'into',
];

/** The destination of a restore that leaves the service alone. undefined for a restore into the service. */
export function copyDestination(args: Arguments): CopyRequest['copy'] | undefined {
  const isTemporary = args.temporary === true;
  const volume = args['new-volume'];
  if (!isTemporary && args.port !== undefined) throw needs('port', 'temporary');
  if (volume === undefined && args.switch === true) throw needs('switch', 'new-volume');
  if (isTemporary && volume !== undefined) throw contradict('--temporary', '--new-volume', 'choose one of them');
  if (isTemporary) return temporary(args);
  if (volume === undefined) return undefined;
  refuse(args, 'new-volume', OF_THE_EXCHANGE);
  if (typeof volume !== 'string' || !/^[a-zA-Z0-9][\w.-]+$/.test(volume)) {
    throw new OdoError('usage', `--new-volume wants the name of one volume, not ${volume}`, {
      hint: 'letters, digits, underscores, dots and dashes, such as --new-volume shop_db_2',
    });
  }
  return { kind: 'new-volume', volume, switch: args.switch === true };
}

function temporary(args: Arguments): CopyRequest['copy'] {
  refuse(args, 'temporary', OF_THE_EXCHANGE);
  if (args['archive-mode'] === 'keep')
    throw contradict('--temporary', '--archive-mode keep', 'a temporary server archives nothing');
  const port = args.port ?? 0;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new OdoError('usage', '--port wants a number from 1 to 65535');
  }
  return { kind: 'temporary', port };
}

function refuse(args: Arguments, name: string, others: readonly string[]): void {
  const clash = others.find((other) => args[other] !== undefined && args[other] !== false);
  if (clash !== undefined) {
    throw contradict(`--${name}`, `--${clash}`, "the copy has a volume of its own, and the service's stays as it is");
  }
}

function contradict(one: string, other: string, hint: string): OdoError {
  return new OdoError('usage', `${one} and ${other} contradict each other`, { hint });
}

function needs(name: string, other: string): OdoError {
  return new OdoError('usage', `--${name} means nothing without --${other}`);
}
