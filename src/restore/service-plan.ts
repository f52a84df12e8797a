import { type Moment, targetWords } from '../postgres/recovery-target.ts';
import type { WalBeyond } from '../wal/read-beyond.ts';
import type { ProvenService } from './prove-service-restore.ts';
import { makePlan, type Plan } from './receipt.ts';
import type { ServiceRequest } from './request.ts';

/** What a restore of a service will do, step by step. */
export function planOfService(request: ServiceRequest, { found, source, target, owner, oldData, proofs }: ProvenService): Plan {
  const { service, data } = found;
  const onlyCopy = request.acceptLoss || request.wipe ? undefined : oldData.onlyCopy;
  const running = service.containers.some((container) => container.running);
  const stopping = running ? [`stop service ${service.name}`] : [];
  const { salvage } = oldData;
  const layingDown = [
    ...(request.wipe ? [`DELETE the old data in ${target.pgdata.root}`] : []),
    `lay backup ${source.backup.id} down in ${target.pgdata.odoDir}${request.wipe ? '' : ', beside the old data'}`,
    ...(salvage
      ? [`take the WAL of the old data along that the archive lacks, as far as it is whole: ${salvage.commits} commits so far`]
      : []),
    ...(request.keepSettings
      ? []
      : ["override settings of the backup that do not fit the service's server (the receipt names them)"]),
    request.replaceConf === undefined ? 'keep its postgresql.auto.conf' : 'replace its postgresql.auto.conf',
  ];
  return makePlan(source, target, {
    volume: data.mount.source,
    service: service.name,
    owner,
    steps: [
      ...(request.online ? [...layingDown, ...stopping] : [...stopping, ...layingDown]),
      `exchange the content of ${target.pgdata.root}`,
      `start service ${service.name}, ${request.standby ? 'see it replay the archive, and leave it a standby' : recoveryWords(request.moment)}`,
      request.keepPrevious || isLeftWaiting(request)
        ? `keep the old data in ${target.pgdata.odoDir}/previous`
        : onlyCopy
          ? `keep the old data in ${target.pgdata.odoDir}/previous, if by then ${onlyCopy.because}`
          : 'remove the old data',
    ],
    ...(onlyCopy ? { onlyCopy } : {}),
    ...salvagePlan(salvage),
    proofs,
  });
}

export function salvagePlan(salvage: WalBeyond | undefined): Pick<Plan, 'salvage'> {
  if (!salvage) return {};
  const { commits, lastCommitTime, endLsn } = salvage;
  return { salvage: { commits, endLsn, ...(lastCommitTime === undefined ? {} : { lastCommitTime }) } };
}

function recoveryWords(moment: Moment | undefined): string {
  if (!moment) return 'see it through recovery and promotion';
  const then = { promote: 'and promotion', pause: 'and leave it waiting there', shutdown: 'and shut it down there' }[
    moment.action
  ];
  return `see it through recovery to ${targetWords(moment)} ${then}`;
}

/** Whether the server stays in recovery when the restore ends, until somebody promotes it. */
export function isLeftWaiting({ moment, standby }: ServiceRequest): boolean {
  if (standby) return true;
  return moment !== undefined && moment.action !== 'promote';
}
