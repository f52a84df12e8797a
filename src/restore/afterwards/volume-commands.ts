import { inPhase } from '../../events.ts';
import type { Engine } from '../contract/engine.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { ServiceRef } from '../contract/request.ts';
import type { VolumeStatus } from '../contract/volume-status.ts';
import { keptSalvageNote, leftSettingsNotes } from '../outcome/receipt-notes.ts';
import type { RunContext } from '../outcome/run-context.ts';
import type { FoundService } from '../service/found-service.ts';
import { withMountsOf } from '../service/journal-mounts.ts';
import { refuseOthersNow } from '../service/nobody-else.ts';
import { isFollowed, openServiceEngine, type Role } from '../service/open-service-engine.ts';
import { demandService } from '../service/prove-service.ts';
import { findOnlyCopy, refusedLoss } from '../volume/kept-old-data.ts';
import { adviceOn } from '../volume/status-advice.ts';
import { askRestored } from './ask-restored.ts';

type Context = Omit<RunContext, 'confirm'>;

/** What ODO has on a service's volume. */
export interface StatusReport extends VolumeStatus {
  kind: 'status';
  volume: string;
  service: string;
  dataDirectory: string;
  /** An odo follow is at work for the standby. */
  isFollowed?: boolean;
  /** Advice to the person. */
  advice: string;
}

/** What a clean-up did. */
export interface CleanReport {
  kind: 'clean';
  volume: string;
  service: string;
  /** Bytes of staged files, WAL and old data that are really gone. */
  freedBytes: number;
  /** There was something to remove. */
  found: boolean;
  /** Notes for the person. */
  notes: string[];
}

/** Tells what ODO has on the volume. Changes nothing, and works beside a running restore. */
export async function volumeStatus(serviceRef: ServiceRef, context: Context): Promise<StatusReport> {
  return onVolume(serviceRef, context, 'status', async (engine, place, found) => {
    const { service, data } = found;
    const status = await engine.status(place);
    const names = { volume: data.mount.source, service: service.name, dataDirectory: data.place.root };
    const following = status.isStandby ? { isFollowed: await isFollowed(found) } : {};
    return { kind: 'status', ...names, ...status, ...following, advice: adviceOn({ ...status, ...following }) };
  });
}

/** Removes what restores have left on the volume: staged files, fetched WAL, old data that was kept. */
export async function cleanVolume(
  { serviceRef, acceptLoss }: { serviceRef: ServiceRef; acceptLoss: boolean },
  context: Context,
): Promise<CleanReport> {
  return onVolume(serviceRef, context, 'restore', async (engine, place, found) => {
    const { service, data } = found;
    const unjudged = acceptLoss ? undefined : (await engine.status(place)).oldDataUnjudged;
    const asked: string[] = [];
    if (unjudged !== undefined) {
      const onlyCopy = await findOnlyCopy(engine, place, unjudged);
      const restored = onlyCopy || unjudged === 'aside' ? { onlyCopy, notes: [] } : await askRestored(found, context);
      if (restored.onlyCopy) throw refusedLoss(place.pgdata, restored.onlyCopy.because);
      asked.push(...restored.notes);
    }
    const {
      found: isFound,
      freedBytes,
      leftSettings,
      keptSalvage,
    } = await inPhase(context.report, 'clean', () => engine.clean(place, { acceptLoss }));
    const { pgdata } = await engine.probe(place);
    const notes = [
      ...asked,
      ...leftSettingsNotes(leftSettings),
      ...(keptSalvage ? [keptSalvageNote(data.place, { serviceRef })] : []),
      ...(pgdata.empty
        ? [
            `${pgdata.exists ? 'there is no data in' : 'there is no'} ${data.place.root}: a server that is ` +
              'started there begins a new, empty cluster',
          ]
        : []),
    ];
    return { kind: 'clean', volume: data.mount.source, service: service.name, freedBytes, found: isFound, notes };
  });
}

async function onVolume<T>(
  serviceRef: ServiceRef,
  context: Context,
  role: Role,
  work: (engine: Engine, place: ClusterPlaces, found: FoundService) => Promise<T>,
): Promise<T> {
  const found = await demandService(serviceRef, context, { alone: false, mayStray: role === 'status' });
  const { engine, place } = await openOnJournal(found, serviceRef, context.version, role);
  try {
    return await work(engine, place, found);
  } finally {
    await engine.close();
  }
}

/** Looks at the journal first: it tells which tablespaces were exchanged, and so which other volumes are needed. */
export async function openOnJournal(
  found: FoundService,
  serviceRef: ServiceRef,
  version: string,
  role: Role = 'restore',
): Promise<{ engine: Engine; place: ClusterPlaces }> {
  const { data } = found;
  const place: ClusterPlaces = { pgdata: data.place, tablespaces: [] };
  const engine = await openServiceEngine(found, [data.mount], { serviceRef }, { version }, role);
  const { pgdata } = await engine.probe(place);
  // The real path, as the restore has it.
  place.pgdata = { ...place.pgdata, root: pgdata.layout?.realRoot ?? place.pgdata.root };
  const all = withMountsOf(found, [data.mount], pgdata.journalPlaces);
  // Places must not be changed under a server. A look is allowed.
  const users = role === 'restore' ? refuseOthersNow(found, all, pgdata) : undefined;
  await users?.catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  if (all.length === 1) return { engine, place };
  await engine.close();
  return { engine: await openServiceEngine(found, all, { serviceRef }, { version }, role), place };
}
