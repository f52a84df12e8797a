import type { Backup } from '../../formats/contract/format.ts';
import { digestOf } from '../../formats/contract/tar-content.ts';
import { commandLineSettings } from '../../postgres/configuration/command-line.ts';
import { type Moment, targetWords } from '../../postgres/configuration/recovery-target.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import { localStore } from '../../store/kinds/open.ts';
import type { Owner } from '../../tree/places/place.ts';
import type { LayDownJob, RecoveryWish } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { RestoreRequest } from '../contract/request.ts';
import { meansOf } from '../lay-down/share-out.ts';
import { archivingOf, type Configuration } from '../proofs/configuration.ts';
import { mayHaveSalvage } from '../proofs/may-have-salvage.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import type { FoundService } from '../service/found-service.ts';
import { configurationIsMounted } from '../service/mounted-files.ts';
import { STANDBY_TARGET } from '../standby/standby.ts';

/** What the proofs have found out of a server in Docker and of what it is to run on. */
export interface ProvenServer {
  found: FoundService;
  source: RestoreSource;
  places: ClusterPlaces;
  owner: Owner;
  /** The service's PostgreSQL major version. */
  major: number;
  configuration: Configuration;
  server: ServerFacts;
}

/** The job of the restore container for a server in Docker. Keys of a profile or a role are added on the way there. */
export function makeJob(request: RestoreRequest, proven: ProvenServer): LayDownJob {
  const { found, source, places, owner, major, configuration } = proven;
  return {
    // A relative path means nothing inside of a container.
    store: localStore(request.store)?.config ?? request.store,
    repository: source.repository.ref,
    ...provenContent(source.backup),
    wal: source.wal,
    places,
    owner,
    configuration: { ...configuration, keepSettings: request.keepSettings },
    server: {
      postgresMajor: major,
      facts: proven.server,
      configElsewhere:
        commandLineSettings(found.service.commandArgs).has('config_file') || configurationIsMounted(found.data),
    },
    recovery: {
      unattended: false,
      ...(mayHaveSalvage(request, source)
        ? { salvage: { isLater: 'online' in request && request.online === true } }
        : {}),
      ...(request.moment ? { stopAt: stopOf(request.moment) } : {}),
      ...(request.standby
        ? { standby: request.standby, awaitsPromotion: standbyUntilPromotion(request, configuration) }
        : {}),
      ...(request.moment && request.moment.action !== 'promote'
        ? { awaitsPromotion: promotionLater(request.moment, request, configuration) }
        : {}),
    },
    oldData: { wipe: request.wipe },
    run: {
      sync: request.sync,
      verify: request.verify,
      fresh: request.fresh,
      besideServer: isBesideServer(request),
      ...meansOf(request),
    },
  };
}

/**
 * Where recovery stops. A server that is to be shut down at the target only pauses there: then it can be asked where it
 * is, and no restart policy brings it up again.
 */
function stopOf({ target, exclusive, action }: Moment): NonNullable<RecoveryWish['stopAt']> {
  return { target, exclusive, action: action === 'shutdown' ? 'pause' : action };
}

function promotionLater(
  moment: Moment,
  request: RestoreRequest,
  configuration: Configuration,
): NonNullable<RecoveryWish['awaitsPromotion']> {
  return { target: targetWords(moment), ...ofOldData(request), ...archivingOf(configuration) };
}

function standbyUntilPromotion(
  request: RestoreRequest,
  configuration: Configuration,
): NonNullable<RecoveryWish['awaitsPromotion']> {
  return { target: STANDBY_TARGET, isStandby: true, ...ofOldData(request), ...archivingOf(configuration) };
}

/** What becomes of the old data in the end. */
function ofOldData({ keepPrevious, acceptLoss }: RestoreRequest) {
  return { keepPrevious, ...(acceptLoss ? { acceptLoss } : {}) };
}

/**
 * Whether a server may write to the same disk meanwhile. A copy's service goes on running, on the same disk as a rule.
 */
function isBesideServer(request: RestoreRequest): boolean {
  return 'copy' in request || ('online' in request && request.online === true);
}

/** A backup as its job names it: by its facts, and by a digest of what it holds. */
export function provenContent({ parts, ...backup }: Backup): Pick<LayDownJob, 'backup' | 'content'> {
  return { backup, content: { digest: digestOf(parts) } };
}
