import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import type { ServiceRequest } from '../contract/request.ts';
import { isLeftWaiting } from '../contract/request.ts';
import { makePlan, type Plan, salvagePlan } from '../outcome/receipt.ts';
import type { OnlyCopy } from '../volume/judge-old-data.ts';
import { exchangesFirst } from '../volume/transitions.ts';
import type { ProvenService } from './prove-service-restore.ts';

/** What a restore of a service will do, step by step. */
export function planOfService(request: ServiceRequest, proven: ProvenService): Plan {
  const { found, source, places, owner, oldData, proofs, probe } = proven;
  const { service, data } = found;
  const isGivenUp = request.wipe || (request.acceptLoss && !oldData.onlyCopy?.isOfAnother);
  const onlyCopy = isGivenUp ? undefined : oldData.onlyCopy;
  const running = service.containers.some((container) => container.running);
  const stopping = running ? [`stop service ${service.name}`] : [];
  const { salvage } = oldData;
  const isTakenBack = exchangesFirst(probe?.situation);
  const where = probe?.old?.where ?? 'nothing';
  const hasOld = where === 'in place' || where === 'previous';
  const previous = `${places.pgdata.odoDir}/previous`;
  const oldAt = where === 'previous' ? previous : places.pgdata.root;
  const layingDown = [
    ...(isTakenBack ? [`take back what a former restore has left in ${places.pgdata.root}`] : []),
    ...(request.wipe && hasOld ? [`DELETE the old data in ${oldAt}`] : []),
    `lay backup ${source.backup.id} down in ` +
      `${places.pgdata.odoDir}${request.wipe || !hasOld ? '' : ', beside the old data'}`,
    ...(salvage
      ? [
          'take the WAL of the old data along that the archive lacks, as far as it is whole: ' +
            `${salvage.commits} commits so far`,
        ]
      : []),
    ...(request.keepSettings
      ? []
      : ["override settings of the backup that do not fit the service's server (the receipt names them)"]),
    request.replaceConf === undefined ? 'keep its postgresql.auto.conf' : 'replace its postgresql.auto.conf',
  ];
  return makePlan(source, places, {
    volume: data.mount.source,
    service: service.name,
    owner,
    steps: [
      ...(request.online && !isTakenBack ? [...layingDown, ...stopping] : [...stopping, ...layingDown]),
      `exchange the content of ${places.pgdata.root}`,
      `start service ${service.name}, ` +
        `${request.standby ? 'see it replay the archive, and leave it a standby' : recoveryWords(request.moment)}`,
      ...(hasOld && !request.wipe ? [whatBecomesOfIt(request, onlyCopy, previous)] : []),
    ],
    ...(onlyCopy ? { onlyCopy } : {}),
    ...salvagePlan(salvage),
    proofs,
  });
}

function whatBecomesOfIt(request: ServiceRequest, onlyCopy: OnlyCopy | undefined, previous: string): string {
  if (request.keepPrevious || isLeftWaiting(request)) return `keep the old data in ${previous}`;
  if (onlyCopy?.isOfAnother) return `keep the old data in ${previous}, since ${onlyCopy.because}`;
  if (onlyCopy) return `keep the old data in ${previous}, if by then ${onlyCopy.because}`;
  return 'remove the old data';
}

function recoveryWords(moment: Moment | undefined): string {
  if (!moment) return 'see it through recovery and promotion';
  const then = { promote: 'and promotion', pause: 'and leave it waiting there', shutdown: 'and shut it down there' }[
    moment.action
  ];
  return `see it through recovery to ${targetWords(moment)} ${then}`;
}
