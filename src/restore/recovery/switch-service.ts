import path from 'node:path';
import type { Mount } from '../../docker/client/mount.ts';
import { composeFlags } from '../../docker/compose/compose-call.ts';
import { loadProject } from '../../docker/compose/load-project.ts';
import { recreateService } from '../../docker/compose/make-service.ts';
import {
  demandOverridable,
  OVERRIDE_NAME,
  overrideFileOf,
  type SwitchedMount,
  type Switches,
  withoutLastSwitch,
  withSwitch,
  writeOverride,
} from '../../docker/compose/override-file.ts';
import { resolveService } from '../../docker/compose/service.ts';
import { volumeExists } from '../../docker/compose/volume.ts';
import { asOdoError, OdoError } from '../../errors.ts';
import { inPhase, type Report } from '../../events.ts';
import type { Finding } from '../contract/proofs.ts';
import type { ServiceRef } from '../contract/request.ts';
import { composeCallOf } from '../outcome/compose-command.ts';
import { withHints } from '../outcome/failure-hints.ts';
import { shellWord } from '../outcome/odo-command.ts';
import type { FoundService } from '../service/found-service.ts';
import { openServiceEngine } from '../service/open-service-engine.ts';
import { seeThroughRecovery, stopContainers } from './service-control.ts';
import type { Watched } from './watched.ts';

interface How {
  serviceRef: ServiceRef;
  stopTimeoutSeconds: number;
  stallTimeoutMs: number;
}

/** Proves that the override file can be written. Warns of other services that would stay on the old volume. */
export async function proveSwitch({ project, service, data }: FoundService): Promise<Finding> {
  const file = await demandOverridable(project.files);
  const others = Object.entries(project.services)
    .filter(([name, { mounts }]) => name !== service.name && mounts.some(({ source }) => source === data.mount.source))
    .map(([name]) => name);
  if (others.length === 0) return { evidence: `${file} can be written` };
  return { state: 'warning', evidence: `${others.join(', ')} also mounts ${data.mount.source}, and stays on it` };
}

/**
 * Points the service at other volumes through ODO's override file, and waits until its server answers. When that fails,
 * brings the service back onto its old volumes. Gives how long the service was away, in milliseconds.
 */
export async function switchService(
  found: FoundService,
  mounts: readonly Mount[],
  how: How,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const { service } = found;
  const switches = switchesNow(found);
  const own: SwitchedMount[] = mounts.map(({ source, destination }) => {
    const before = switches.switched.find((one) => one.service === service.name && one.destination === destination);
    const instead = before ? before.instead : insteadOf(found, destination);
    return { service: service.name, destination, volume: source, ...(instead === undefined ? {} : { instead }) };
  });
  return goOver(found, withSwitch(switches, service.name, own), { ...how, atTarget: 'promote' }, report, signal);
}

/**
 * Takes the last switch of the service back, and no more: to the volumes of the switch before, or to what the compose
 * file says. A server that a restore had left waiting there waits again. Gives the volume, or path, of the data.
 * Errors: `unsafeTarget` when a volume is gone, since a server would begin a new cluster in its place.
 */
export async function switchBack(
  found: FoundService,
  how: How & { version: string },
  report: Report,
  signal: AbortSignal,
): Promise<string> {
  const { docker, project, service, data } = found;
  const now = switchesNow(found);
  const leaving = now.switched.filter((one) => one.service === service.name);
  const next = { ...withoutLastSwitch(now, service.name), leaving };
  const own = ownMounts(found);
  const mounts = own.flatMap(({ destination, instead }): Mount[] => {
    const isMount = instead?.type === 'volume' || instead?.type === 'bind';
    return instead && isMount
      ? [{ type: instead.type as Mount['type'], source: instead.source, destination, readOnly: false }]
      : [];
  });
  for (const { type, source } of mounts) {
    if (type !== 'volume' || (await volumeExists(docker, source))) continue;
    throw new OdoError('unsafeTarget', `volume ${source}, which service ${service.name} had before, is gone`, {
      hint: `make ${own[0]?.volume} part of the compose file instead, and remove ${overrideFileOf(project.files)}`,
    });
  }
  const mount = mounts.find(({ destination }) => destination === data.mount.destination);
  const waits = mount && (await isWaiting({ ...found, data: { ...data, mount } }, how));
  await goOver(
    found,
    next,
    { ...how, ...(waits ? { atTarget: 'wait', enough: waits } : { atTarget: 'promote' }) },
    report,
    signal,
  );
  return mount?.source ?? data.mount.source;
}

/**
 * Removes from the override what the service's container does not follow (any more). The service itself is left as it
 * is.
 */
export async function forgetStrayed(found: FoundService): Promise<void> {
  await writeOverride(found.project.files, switchesNow(found));
}

/**
 * Whether a restore has left a server waiting on the data of a mount. If so, gives the test by which a server that is
 * started there has come far enough.
 */
async function isWaiting(found: FoundService, { serviceRef, version }: How & { version: string }) {
  const engine = await openServiceEngine(found, [found.data.mount], { serviceRef }, { version }, 'status');
  try {
    const { pgdata } = await engine.probe({ pgdata: found.data.place, tablespaces: [] });
    if (pgdata.journalState !== 'swapped' || pgdata.usedSinceSwap || !pgdata.awaitsPromotion) return undefined;
    // A standby never pauses: it is enough that it answers.
    const { isStandby = false } = pgdata.awaitsPromotion;
    return () => isStandby;
  } finally {
    await engine.close();
  }
}

/**
 * The mounts to which the last switch has led the service. `instead` is what was there before, which may come from
 * another switch.
 */
export function ownMounts(found: FoundService): SwitchedMount[] {
  const { service } = found;
  const switches = switchesNow(found);
  const before = withoutLastSwitch(switches, service.name).switched.filter((one) => one.service === service.name);
  return switches.switched
    .filter((one) => one.service === service.name)
    .map((own) => {
      const earlier = before.find(({ destination }) => destination === own.destination);
      return earlier ? { ...own, instead: { type: 'volume', source: earlier.volume } } : own;
    });
}

/** The switches that led to where the service is now. Switches that its container does not follow are left out. */
function switchesNow({ project, service, data, strayed }: FoundService): Switches {
  let switches = project.switches ?? { switched: [], earlier: [] };
  if (!strayed) return switches;
  const leadsElsewhere = () =>
    switches.switched.some(
      (one) =>
        one.service === service.name && one.destination === data.mount.destination && one.volume !== data.mount.source,
    );
  while (leadsElsewhere()) switches = withoutLastSwitch(switches, service.name);
  return switches;
}

async function goOver(
  found: FoundService,
  switches: Switches,
  how: How & Pick<Watched, 'atTarget' | 'enough'>,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const { docker, project, service } = found;
  signal.throwIfAborted();
  const stoppedAt = performance.now();
  try {
    // The containers as they are now: a restore may have taken hours.
    const { containers } = await resolveService(docker, project, service.name);
    await stopContainers(
      found,
      containers.filter(({ running }) => running),
      how.stopTimeoutSeconds,
      report,
    );
    await writeOverride(project.files, switches);
    const containerId = await inPhase(report, 'start', () => startAnew(found, how.serviceRef, signal));
    const address = { docker, containerId, dataDirectory: found.data.place.root, env: service.env };
    const { stallTimeoutMs, atTarget, enough } = how;
    const watched = { stallTimeoutMs, atTarget, ...(enough ? { enough } : {}) };
    await seeThroughRecovery(address, watched, report, signal);
    const { leaving, ...settled } = switches;
    // The service has come up, so nothing goes by this note any more.
    if (leaving) await writeOverride(project.files, settled).catch(() => undefined);
    return Math.round(performance.now() - stoppedAt);
  } catch (thrown) {
    const error = asOdoError(thrown, signal);
    try {
      await writeOverride(project.files, project.switches ?? { switched: [], earlier: [] });
      await startAnew(found, how.serviceRef, new AbortController().signal);
    } catch (second) {
      throw withHints(error, [`and service ${service.name} could not be brought back: ${asOdoError(second).message}`]);
    }
    throw withHints(error, [`service ${service.name} is back on the volume that it had`]);
  }
}

async function startAnew(
  { docker, service }: FoundService,
  serviceRef: ServiceRef,
  signal: AbortSignal,
): Promise<string> {
  const project = await loadProject(docker, composeCallOf(serviceRef), signal);
  await recreateService(docker, project, service.name, signal);
  const [first] = (await resolveService(docker, project, service.name)).containers;
  if (!first) throw new OdoError('serviceNotFound', `compose started no container for service ${service.name}`);
  return first.id;
}

function insteadOf({ project, service }: FoundService, destination: string): SwitchedMount['instead'] {
  const mount = service.mounts.find((one) => one.destination === destination);
  if (!mount) return undefined;
  const key = Object.entries(project.volumes).find(([, { name }]) => name === mount.source)?.[0];
  return { type: mount.type, source: mount.source, ...(key === undefined ? {} : { key }) };
}

/** Notes on a service that was switched, for the person. Compose does not find the override file by itself. */
export function switchedNotes(found: FoundService, volume: string, rollbackCommand: string): string[] {
  const { project, service, data } = found;
  const override = overrideFileOf(project.files);
  const folder = path.dirname(override);
  const names = project.files.filter((file) => file !== override).map((file) => path.relative(folder, file));
  const flags = composeFlags({ ...project.call, files: [...names, OVERRIDE_NAME] })
    .map(shellWord)
    .join(' ');
  return [
    `${override} leads service ${service.name} to volume ${volume}. Compose does not find it by itself: a ` +
      `plain docker compose up would take the service back to ${data.mount.source}`,
    `so add it in each call (in ${folder}: docker compose ${flags} up -d), or put this line into ` +
      `${path.join(folder, '.env')}: COMPOSE_FILE=${[...names, OVERRIDE_NAME].join(':')}`,
    `for good: give the volume in ${names[0]} the lines "name: ${volume}" and "external: true", and remove ` +
      `${OVERRIDE_NAME}`,
    `the old data stays on ${data.mount.source}; this points the service back to it: ${rollbackCommand}`,
  ];
}
