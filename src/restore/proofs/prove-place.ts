import { OdoError } from '../../errors.ts';
import type { Backup } from '../../formats/contract/format.ts';
import type { PlaceProbe } from '../../tree/exchange/probe.ts';
import type { Place } from '../../tree/places/place.ts';
import type { Finding } from '../contract/proofs.ts';
import { refusedRestore, refusedWipe } from '../volume/refused-restore.ts';
import { exchangesFirst, TRANSITIONS } from '../volume/transitions.ts';

/**
 * Proves that a directory may be filled: it is empty, or holds a data directory (or a tablespace) that no server uses.
 * Errors: `unsafeTarget` for anything else.
 */
export function proveTargetSafe(
  place: Place,
  probe: PlaceProbe,
  kind: 'data directory' | 'tablespace',
  wish: Pick<Wish, 'wipe'> = { wipe: false },
): Finding {
  if (probe.server !== undefined) {
    throw new OdoError('unsafeTarget', `a server may be running on ${place.root}: ${probe.server}`, {
      hint: 'stop it first; if none runs, remove postmaster.pid',
    });
  }
  const { situation, old } = probe;
  if (situation !== undefined && TRANSITIONS[situation].restore === 'refuse')
    throw refusedRestore(place, situation, probe.keptBecause);
  if (situation !== undefined && wish.wipe && TRANSITIONS[situation].wipes === 'refuse') throw refusedWipe(place);
  if (probe.empty) return { evidence: probe.exists ? `${place.root} is empty` : `${place.root} will be created` };
  if (kind === 'data directory' && probe.pgVersion === undefined && probe.journalState === undefined) {
    throw new OdoError(
      'unsafeTarget',
      `${place.root} is not empty and not a data directory: it holds ${probe.sample.join(', ')}`,
      {
        hint: 'choose an empty directory, or move those files away',
      },
    );
  }
  if (kind === 'tablespace' && probe.sample.some((name) => !/^PG_\d/.test(name))) {
    throw new OdoError(
      'unsafeTarget',
      `${place.root} is not empty and not a tablespace: it holds ${probe.sample.join(', ')}`,
      {
        hint: 'choose an empty directory with --tablespace NAME=PATH',
      },
    );
  }
  const fate = wish.wipe ? 'which will be DELETED first' : 'which is kept until the restored one is proven';
  if (kind === 'tablespace') return { evidence: `${place.root} holds a tablespace, ${fate}` };
  const data = (version: string | undefined) => `a data directory of PostgreSQL ${version ?? '(unknown)'}`;
  if (!exchangesFirst(situation)) return { evidence: `${place.root} holds ${data(probe.pgVersion)}, ${fate}` };
  const back = 'what a former restore has left, which is taken back first';
  return {
    evidence:
      old?.where === 'previous'
        ? `${place.root} holds ${back}; ${place.odoDir}/previous holds ${data(old.pgVersion)}, ${fate}`
        : `${place.root} holds ${back}; there is no older data`,
  };
}

/** What a request says of the old content. */
interface Wish {
  wipe: boolean;
  allowDifferentCluster: boolean;
}

/**
 * Proves of which cluster the old data is. Another cluster's data is common on a rebuilt host, and harmless while it is
 * kept. It is not deleted without a word of the user's.
 * Errors: `unsafeTarget`.
 */
export function proveCluster(probe: PlaceProbe, backup: Backup, wish: Wish): Finding {
  const [old, wanted] = [probe.old?.systemIdentifier, backup.systemIdentifier];
  const where = probe.old?.where ?? 'nothing';
  if (where === 'nothing') return { evidence: 'there is no old data' };
  if (where === 'gone') return { evidence: 'the old data was deleted by an earlier run (--wipe)' };
  if (old === undefined || wanted === undefined) {
    const evidence = `old data: ${old ?? 'unknown'}, backup: ${wanted ?? 'unknown'}`;
    if (!wish.wipe || wish.allowDifferentCluster) return { state: 'unjudged', evidence };
    const why = old === undefined ? 'its pg_control cannot be read' : 'the backup does not say of which it is';
    throw new OdoError(
      'unsafeTarget',
      `whether the old data is of the backup's cluster is not known, since ${why}; --wipe would delete it`,
      {
        hint: 'is it the right volume? --allow-different-cluster deletes it all the same',
      },
    );
  }
  if (old === wanted) return { evidence: `the old data is of the backup's own cluster, ${old}` };
  const evidence = `the old data is of another cluster (${old}) than the backup (${wanted})`;
  if (!wish.wipe) return { state: 'warning', evidence };
  if (wish.allowDifferentCluster) return { state: 'warning', evidence: `${evidence}, and will be deleted` };
  throw new OdoError('unsafeTarget', `${evidence}, and --wipe would delete it`, {
    hint: 'is it the right volume? --allow-different-cluster deletes it all the same',
  });
}
