import { OdoError } from '../../errors.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import { STANDBY_CRITICAL } from '../../postgres/configuration/recovery-settings.ts';
import { parseLsn, parseSegmentName } from '../../postgres/terms/wal-names.ts';
import { shownUrl } from '../../store/objects/url.ts';
import type { WalPlan } from '../../wal/plan/wal-plan.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { Finding } from '../contract/proofs.ts';
import type { RepositoryRequest, RestoreRequest, ServiceRef } from '../contract/request.ts';
import type { ServerStatus, ServiceDatabase } from '../database/service-database.ts';
import { wayBackNote } from '../outcome/at-target.ts';
import { commandFor, shellWord } from '../outcome/odo-command.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import type { FoundService } from '../service/found-service.ts';

/** Where a standby waits, in the words of the journal. */
export const STANDBY_TARGET = 'the end of what it is given, as a standby';

/** Nothing on the service's command line may beat what makes it a standby. */
export function proveStandby({ service }: FoundService, standby: NonNullable<RestoreRequest['standby']>): Finding {
  const beaten = [...commandLineSettings(service.commandArgs).keys()].filter((name) => STANDBY_CRITICAL.has(name));
  if (beaten.length > 0) {
    throw new OdoError(
      'serviceNotFound',
      `the command line of service ${service.name} sets ${beaten.join(', ')}, which no configuration file can override`,
      { hint: 'move these settings from the compose file into postgresql.conf' },
    );
  }
  const follows = standby.primaryConninfo === undefined ? 'the archive only' : 'the archive, and then its primary';
  return { evidence: `will follow ${follows}` };
}

/**
 * Whether a standby has come far enough: it has replayed what the archive held, and what the old data had behind it.
 * Without an archive, it only has to answer.
 */
export function hasCaughtUp(wal: WalPlan, salvage?: Pick<Salvage, 'lastLsn'>): (status: ServerStatus) => boolean {
  if (wal.source !== 'archive') return () => true;
  const { segmentNumber } = parseSegmentName(wal.endSegment, wal.segmentSizeBytes);
  const endSegmentStart = BigInt(segmentNumber) * BigInt(wal.segmentSizeBytes);
  const behind = salvage ? parseLsn(salvage.lastLsn) : endSegmentStart;
  return ({ replayLsn }) => replayLsn !== undefined && parseLsn(replayLsn) > behind;
}

/** The timeline on which a standby is when it has caught up; a server in recovery does not say. */
export function lastTimeline({ backup, wal }: RestoreSource): number | undefined {
  return wal.source === 'archive' ? wal.spans.at(-1)?.timeline : backup.timeline;
}

/** What the person has to know of a server that is a standby now. */
export async function standbyNotes(
  request: RepositoryRequest & {
    serviceRef: ServiceRef;
    standby?: RestoreRequest['standby'];
    laidDown?: { oldData?: LaidDown['oldData'] };
  },
  { source }: Pick<WalPlan, 'source'>,
  database: Pick<ServiceDatabase, 'query'>,
): Promise<string[]> {
  const hasPrimary = request.standby?.primaryConninfo !== undefined;
  const receivers = hasPrimary ? await database.query('select status from pg_stat_wal_receiver').catch(() => []) : [];
  const streams = receivers.length > 0;
  const follows = streams
    ? 'it streams from its primary'
    : hasPrimary
      ? "it is not connected to its primary yet, and goes on trying; the service's log says why, " +
        'pg_stat_wal_receiver when it is'
      : 'it was given no primary, so that it stays there until something is brought to it';
  return [
    `the server is a standby and answers read-only; it has replayed what the archive held, and ${follows}`,
    ...(source === 'archive'
      ? [`to bring it what is archived from now on, as long as this runs: ${followCommand(request)}`]
      : []),
    `to make it a primary: ${commandFor('promote', request)}`,
    wayBackNote(request.laidDown?.oldData ?? 'kept', request),
  ];
}

/**
 * The odo follow command for this standby, with the server, and with where and how the store is reached. Keys are taken
 * from where they came from.
 */
function followCommand(request: RepositoryRequest & { serviceRef: ServiceRef }): string {
  const { store, server } = request;
  const words = ['-u', shownUrl(store.url)];
  if (store.endpoint !== undefined) words.push('--endpoint', shownUrl(store.endpoint));
  if (store.region !== undefined) words.push('--aws-region', store.region);
  if (store.pathStyle !== undefined) words.push(store.pathStyle ? '--path-style' : '--no-path-style');
  if (store.profile !== undefined) words.push('--profile', store.profile);
  if (server !== undefined) words.push('--server', server);
  return [commandFor('follow', request), ...words.map(shellWord)].join(' ');
}
