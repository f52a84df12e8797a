import type { SwitchedMount } from '../../docker/compose/override-file.ts';
import { formatBytes } from '../../progress/format-bytes.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { FoundService } from '../service/found-service.ts';

// What a person is asked before a rollback takes data out of place that has been in use.

/** The question about a restored server that is out of recovery. */
export function outOfUse({ service, data }: FoundService, { use, journalBackupId }: PlaceProbe): string {
  const { finished, writtenBytes, lastCheckpointAt } = use ?? {};
  const since = finished
    ? `promoted at ${finished.at}${finished.timeline === undefined ? '' : ` to timeline ${finished.timeline}`}`
    : 'promoted, at a time that is not known';
  const written = writtenBytes === undefined ? [] : [`it has written ${formatBytes(writtenBytes)} of WAL since`];
  const last = lastCheckpointAt === undefined ? [] : [`its last checkpoint was at ${lastCheckpointAt}`];
  return [
    `the server of service ${service.name} on volume ${data.mount.source} was restored from backup ` +
      `${journalBackupId} and has been in use since:`,
    `${[since, ...written, ...last].join('; ')}.`,
    'A rollback puts back what was there before. What is in place now is kept, and another rollback goes back to it.',
  ].join(' ');
}

/** The question about data that an earlier rollback has put back. */
export function backToTheRestored({ service, data }: FoundService): string {
  return [
    `an earlier rollback has put the older data of service ${service.name} on volume ${data.mount.source} ` +
      'back, and it has been in use since.',
    'This rollback goes back to what was restored. What is in place now is kept, and another rollback goes back to it.',
  ].join(' ');
}

/** The question about a service that was switched to another volume. */
export function backToVolume({ service, data }: FoundService, { volume, instead }: SwitchedMount): string {
  return [
    `service ${service.name} uses volume ${volume} since it was switched to it, and nothing of a later ` +
      'restore is there.',
    `A rollback points it back to ${instead ? `volume ${instead.source}` : 'what the compose file says'}, ` +
      'which holds what was there before the switch.',
    `What was written to ${data.mount.source} since then stays there, and the service does not see it.`,
  ].join(' ');
}
