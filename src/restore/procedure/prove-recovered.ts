import { OdoError } from '../../errors.ts';
import { inPhase } from '../../events.ts';
import type { ServerFacts } from '../../postgres/configuration/unfit-settings.ts';
import type { Salvage } from '../../wal/salvage/salvage-survey.ts';
import type { Engine } from '../contract/engine.ts';
import type { LaidDown } from '../contract/lay-down-job.ts';
import type { ClusterPlaces } from '../contract/places.ts';
import type { DockerRequest } from '../contract/request.ts';
import { runAmcheck } from '../database/amcheck.ts';
import type { CheckedCollations } from '../database/check-collations.ts';
import { checkPromoted } from '../database/check-promoted.ts';
import { checkRelationFiles } from '../database/check-relation-files.ts';
import { demandReached } from '../outcome/at-target.ts';
import { unaskedNotes } from '../outcome/receipt-notes.ts';
import { demandReplayedToEnd, readEndOf } from '../outcome/replayed-to-end.ts';
import type { RestoreSource } from '../proofs/prove-repository.ts';
import type { SeenThrough } from '../recovery/service-control.ts';
import type { Tools } from './restore.ts';

/** A restore whose server has been seen through its recovery. */
interface Recovered extends Pick<Tools, 'report' | 'signal'> {
  request: Pick<DockerRequest, 'store' | 'moment' | 'verify'>;
  proven: { source: RestoreSource; places: ClusterPlaces; server: ServerFacts };
  salvage?: Salvage | undefined;
  /** The server is another than the service's. */
  isCopy: boolean;
  onEngine<T>(step: (engine: Engine) => Promise<T>): Promise<T>;
}

/**
 * Proves that the server has reached what was asked for, or the end of all WAL, and holds what it should. Gives what
 * the person should know.
 * Errors: as demandReached(), demandReplayedToEnd() and checkRelationFiles(); with `verify` full also as recheckPages()
 * and runAmcheck().
 */
export async function proveRecovered(run: Recovered, seen: SeenThrough, laidDown: LaidDown): Promise<string[]> {
  const { request, proven, salvage, report, signal, isCopy } = run;
  const { reached, waits, unasked, database } = seen;
  const { moment } = request;
  const { source } = proven;
  const notes: string[] = [];
  if (moment) demandReached(moment, source, reached);
  else {
    const readEnd = readEndOf(request, source, signal);
    notes.push(...(await demandReplayedToEnd(source.wal, { reached, salvage, waits }, readEnd)));
  }
  if (unasked !== undefined) notes.push(...unaskedNotes(unasked, waits));
  let collations: CheckedCollations | undefined;
  if (unasked === undefined && !waits) {
    collations = await checkPromoted(database, { ...proven.server, isCopy }, report);
    notes.push(...collations.notes);
  } else if (unasked === undefined) {
    // A server that waits is asked for the rest when it is promoted. A standby may stay one for years.
    notes.push(...(await checkRelationFiles(database, report)));
  }
  if (request.verify !== 'full') return notes;
  return inPhase(report, 'check', async () => {
    const suspects = laidDown.verified?.suspects ?? [];
    await run.onEngine((engine) => engine.recheckPages(proven.places, suspects));
    // pg_amcheck needs a login, and an extension, which a server in recovery cannot get.
    if (!collations) return [...notes, 'pg_amcheck is left out, since the server waits in recovery or turns ODO down'];
    const note = await runAmcheck(database, collations);
    return note === undefined ? notes : [...notes, note];
  });
}

/** The error of a `verify` full when ODO could not ask the server: the restore is good, but not all has been done. */
export function uncheckedByServer(unasked: string): OdoError {
  return new OdoError('promotionNotSeen', `pg_amcheck, which --verify full asks for, could not log in: ${unasked}`, {
    hint:
      'the restore itself has succeeded, the server was promoted, and the pages that were suspect are right; ' +
      'run pg_amcheck --all by hand',
  });
}
