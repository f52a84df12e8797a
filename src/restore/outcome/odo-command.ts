import { composeFlags } from '../../docker/compose/compose-call.ts';
import type { ServiceRef } from '../contract/request.ts';

/** A command of ODO for a person to type, with all that it needs to find the same service. */
export function commandFor(
  name: 'rollback' | 'clean' | 'promote' | 'follow',
  request: { serviceRef: ServiceRef },
): string {
  const { volume, service, composeFiles, namedImage, ...call } = request.serviceRef;
  const words = ['odo', name, '-v', volume, '-n', service, ...composeFlags({ ...call, files: composeFiles })];
  if (namedImage !== undefined) words.push('--image', namedImage);
  return words.map(shellWord).join(' ');
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
