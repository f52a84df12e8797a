import { setTimeout as sleep } from 'node:timers/promises';
import { resolveService } from '../../docker/compose/service.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import type { AwaitedPromotion } from '../../tree/exchange/journal.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { ServiceRef } from '../contract/request.ts';
import { checkPromoted } from '../database/check-promoted.ts';
import { openServiceDatabase, type ServiceDatabase } from '../database/service-database.ts';
import { withHints, withLeftovers, withWayBack } from '../outcome/failure-hints.ts';
import { commandFor } from '../outcome/odo-command.ts';
import type { Reached } from '../outcome/receipt.ts';
import { keptNote, unaskedNotes } from '../outcome/receipt-notes.ts';
import type { RunContext } from '../outcome/run-context.ts';
import { openRecoveringVolume } from '../recovery/recovering-volume.ts';
import { cleanUp, seeThroughRecovery } from '../recovery/service-control.ts';
import type { FoundService } from '../service/found-service.ts';
import { isFollowed } from '../service/open-service-engine.ts';
import { demandService } from '../service/prove-service.ts';
import { findServerFacts } from '../service/server-facts.ts';
import { startContainers } from '../service/start-service.ts';
import { type OnlyCopy, wrongInstead } from '../volume/judge-old-data.ts';
import { findOnlyCopy } from '../volume/kept-old-data.ts';
import { TRANSITIONS } from '../volume/transitions.ts';
import { openOnJournal } from './volume-commands.ts';

/** What a promotion did, as plain JSON. */
export interface Promotion {
  kind: 'promotion';
  volume: string;
  service: string;
  dataDirectory: string;
  /** The target at which the server had waited, in words. */
  target: string;
  reached: Reached;
  /** The old data was kept although that was not asked for. */
  onlyCopy?: OnlyCopy;
  notes: string[];
}

/** How long an odo follow may take to end by itself. */
const UNFOLLOWED_MS = 60_000;
/** Pause between two looks whether it has ended. */
const LOOK_EVERY_MS = 200;

/**
 * Ends the recovery of a server that a restore has left waiting at its target, and finishes the restore: removes ODO's
 * settings, the WAL and the old data. A server that was shut down at its target is started first. For a server that was
 * promoted by hand meanwhile, only the restore is finished.
 */
export async function promoteService(
  request: { serviceRef: ServiceRef; stallTimeoutMs: number },
  context: Omit<RunContext, 'confirm'>,
): Promise<Promotion> {
  const { report, signal } = context;
  const found = await inPhase(report, 'prove', () => demandService(request.serviceRef, context, { alone: true }));
  // An odo follow holds the volume for as long as its standby is one.
  const followed = await isFollowed(found);
  const opened = await openOnJournal(found, request.serviceRef, context.version, followed ? 'status' : 'restore');
  const { place } = opened;
  let { engine } = opened;
  try {
    const { pgdata } = await engine.probe(place);
    const awaited = demandWaiting(pgdata, found);
    const address = await addressOf(found, context);
    const options = {
      stallTimeoutMs: request.stallTimeoutMs,
      atTarget: awaited.isStandby ? ('end' as const) : ('resume' as const),
      volume: openRecoveringVolume((step) => step(engine), place, found.service),
    };
    const { reached, unasked } = await seeThroughRecovery(address, options, report, signal);
    const checked = async (database: ServiceDatabase) => {
      const facts = await findServerFacts(found, new AbortController().signal).catch(() => ({}));
      const { notes } = await checkPromoted(database, { ...facts, isCopy: false }, report).catch(
        async (thrown: unknown) => {
          const error = asOdoError(thrown);
          if (error.code === 'dataCorrupt') await engine.noteKept(place, wrongInstead(error)).catch(() => undefined);
          const hasOld = pgdata.old?.where === 'previous';
          const told = hasOld ? withWayBack(error, request, place, { oldData: 'kept' }) : error;
          const finish = `${commandFor('clean', request)}${hasOld ? ' --accept-loss' : ''}`;
          throw withHints(told, [`this finishes the restore as it is: ${finish}`]);
        },
      );
      return notes;
    };
    // From here on there is no way back, and little to do: a cancellation comes too late.
    const steady = openServiceDatabase(address, new AbortController().signal);
    const collations = unasked === undefined ? await checked(steady) : unaskedNotes(unasked, false);
    let onlyCopy: OnlyCopy | undefined;
    const finish = async () => {
      if (followed) {
        await engine.close();
        await untilUnfollowed(found);
        engine = (await openOnJournal(found, request.serviceRef, context.version)).engine;
      }
      const known = pgdata.keptBecause === undefined ? undefined : { because: pgdata.keptBecause };
      onlyCopy = known ?? (await findOnlyCopy(engine, place, (await engine.status(place)).oldDataUnjudged));
      const { keepPrevious } = awaited;
      const { service } = found;
      const places = restoredPlaces(place, pgdata);
      return cleanUp(
        engine,
        { places, archiving: awaited, keepPrevious, onlyCopy, service, request, reached },
        steady,
        report,
      );
    };
    const notes = await finish().catch((thrown: unknown) => {
      throw withLeftovers(asOdoError(thrown), request, onlyCopy);
    });
    return {
      kind: 'promotion',
      volume: found.data.mount.source,
      service: found.service.name,
      dataDirectory: found.data.place.root,
      target: awaited.target,
      reached,
      ...(onlyCopy ? { onlyCopy } : {}),
      notes: [...collations, ...notes, ...(onlyCopy ? [keptNote(onlyCopy, request)] : [])],
    };
  } finally {
    await engine.close().catch(() => undefined);
  }
}

/**
 * Waits for the end of the odo follow, which sees by itself that its server is no standby any more.
 * Errors: `unsafeTarget` when it does not end.
 */
async function untilUnfollowed(found: FoundService): Promise<void> {
  const deadline = performance.now() + UNFOLLOWED_MS;
  while (await isFollowed(found)) {
    if (performance.now() > deadline) {
      throw new OdoError(
        'unsafeTarget',
        `the odo follow that works on volume ${found.data.mount.source} does not end`,
        {
          hint: 'end it',
        },
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function demandWaiting(pgdata: PlaceProbe, { data, service }: FoundService): AwaitedPromotion {
  const { situation = 'untouched', awaitsPromotion } = pgdata;
  if (TRANSITIONS[situation].promote === 'promote' && awaitsPromotion) {
    if (pgdata.startable) return awaitsPromotion;
    throw new OdoError(
      'unsafeTarget',
      `there is no whole data directory in ${data.place.root}, so no server is started on it`,
      {
        hint: 'odo status tells what is on the volume',
      },
    );
  }
  throw new OdoError(
    'usage',
    `no restore has left service ${service.name} waiting at a target on volume ${data.mount.source}`,
    {
      hint:
        'odo promote goes on from a restore with --standby, or with --target-action pause or shutdown; odo ' +
        'status tells what is on the volume',
    },
  );
}

/** The journal tells where the tablespaces are; their OIDs are of no matter by now. */
function restoredPlaces({ pgdata }: ClusterPlaces, { journalPlaces = [] }: PlaceProbe): ClusterPlaces {
  return { pgdata, tablespaces: journalPlaces.slice(1).map((place) => ({ oid: 0, place })) };
}

/** The address of the server, which is started when it does not run. */
async function addressOf(found: FoundService, { report, signal }: Omit<RunContext, 'confirm'>) {
  const { docker, project, service, data } = found;
  // The containers as they are now, not as the proofs saw them.
  const { containers } = await resolveService(docker, project, service.name);
  if (!containers.some(({ running }) => running)) await inPhase(report, 'start', () => startContainers(found, signal));
  const now = await resolveService(docker, project, service.name);
  const [container] = now.containers;
  if (!container) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return { docker, containerId: container.id, dataDirectory: data.place.root, env: now.env };
}
