import type { Journal } from './journal.ts';

/** What a volume can hold of restores. restore/volume/transitions.ts says for each what every command does in it. */
export type Situation =
  | 'untouched'
  | 'leftovers'
  | 'unexplained'
  | 'interrupted'
  | 'interrupted-vacant'
  | 'discarding'
  | 'exchanging'
  | 'exchanging-alone'
  | 'setting-aside'
  | 'waiting'
  | 'waiting-alone'
  | 'recovering'
  | 'recovering-alone'
  | 'promoted'
  | 'promoted-alone'
  | 'used'
  | 'used-alone'
  | 'set-aside'
  | 'clearing';

/** The facts that tell the situations apart. */
export interface VolumeFacts {
  journal: Journal | undefined;
  /** There is no data in place. */
  isVacant: boolean;
  /** There is old content in `previous`: of any place, or of the data directory once it has been exchanged. */
  hasPrevious: boolean;
  /** There are staged files, fetched WAL or a guard that nobody needs. */
  hasLeftovers: boolean;
  /** The restored server has been out of recovery since the exchange. */
  isUsed: boolean;
}

/** Gives the one situation that a volume is in. */
export function situationOf({ journal, isVacant, hasPrevious, hasLeftovers, isUsed }: VolumeFacts): Situation {
  if (!journal) return hasPrevious ? 'unexplained' : hasLeftovers ? 'leftovers' : 'untouched';
  switch (journal.state) {
    case 'laying-down':
    case 'staged':
      // A deletion that was broken off may have left some of the old content.
      if (hasPrevious && !journal.wiped) return 'unexplained';
      if (journal.discarding) return 'discarding';
      return isVacant || journal.wiping ? 'interrupted-vacant' : 'interrupted';
    case 'moving-out':
    case 'moving-in':
    case 'moving-back':
      if (journal.settingAside) return 'setting-aside';
      return journal.wiped || journal.guarded ? 'exchanging-alone' : 'exchanging';
    case 'setting-aside':
      return 'setting-aside';
    case 'clearing':
      return 'clearing';
    case 'swapped':
      if (journal.rolledBack) return 'set-aside';
      return withOld(
        isUsed ? (journal.awaitsPromotion ? 'promoted' : 'used') : waitingOrNot(journal),
        hasPrevious && !journal.guarded,
      );
  }
}

function waitingOrNot({ awaitsPromotion }: Journal): 'waiting' | 'recovering' {
  return awaitsPromotion ? 'waiting' : 'recovering';
}

function withOld(name: 'promoted' | 'used' | 'waiting' | 'recovering', hasPrevious: boolean): Situation {
  return hasPrevious ? name : `${name}-alone`;
}
