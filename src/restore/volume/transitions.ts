import type { Situation } from '../../tree/exchange/situation.ts';

/**
 * What a restore does first.
 * - begin: nothing.
 * - resume: goes on from the staged files of the same job, or removes those of another one.
 * - settle: brings an interrupted exchange to a definite end, and acts by the situation then.
 * - take-back: puts the old data back in place, and deletes what was restored.
 * - finish-clearing: deletes the rest of the old data.
 * - adopt: takes what is in place for the old data.
 * - refuse: fails.
 */
export type RestoreDeed = 'begin' | 'resume' | 'settle' | 'take-back' | 'finish-clearing' | 'adopt' | 'refuse';

/**
 * What a rollback does.
 * - none: nothing.
 * - undo: puts the old data back, and deletes what was restored.
 * - exchange: puts the old data back, and keeps what was in place.
 * - carry-through: ends an interrupted rollback that keeps what was in place.
 */
export type RollbackDeed = 'none' | 'undo' | 'exchange' | 'carry-through';

/**
 * What a clean-up does.
 * - none: nothing.
 * - remove-staged: removes staged files and WAL.
 * - remove-old: removes settings and old data.
 * - remove-restored: removes what a rollback has set aside.
 * - refuse: fails, also after an interrupted exchange, since another command has to say which data is to stay.
 */
export type CleanDeed = 'none' | 'remove-staged' | 'remove-old' | 'remove-restored' | 'refuse';

/** What every command does in one situation. */
export interface Row {
  /** The situation in words. */
  about: string;
  restore: RestoreDeed;
  /**
   * What `restore --wipe` deletes before it lays anything down. `refuse`: the content is half moved, so what may be
   * deleted cannot be judged.
   */
  wipes: 'nothing' | 'what is in place' | 'the old data' | 'refuse';
  promote: 'promote' | 'refuse';
  rollback: RollbackDeed;
  clean: CleanDeed;
  /** What `odo status` advises; {target} is where a server waits. */
  advice: string;
}

const STAYS = 'the same restore command goes on from here';

/**
 * The one table of what a volume can hold and what is done about it. The code decides by it; tests and a page are made
 * from it.
 */
export const TRANSITIONS: Readonly<Record<Situation, Row>> = {
  untouched: {
    about: 'nothing of a restore is there',
    restore: 'begin',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'none',
    advice: 'nothing of a restore is here',
  },
  leftovers: {
    about: 'files of a restore that no journal accounts for',
    restore: 'begin',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-staged',
    advice: 'a run that was broken off has left files here that nothing needs: odo clean removes them',
  },
  unexplained: {
    about: 'older data in `previous` that no journal accounts for',
    restore: 'refuse',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'none',
    clean: 'refuse',
    advice: '.odo/previous holds older data, and no journal says where it belongs: move it away, or remove it',
  },
  interrupted: {
    about: 'a restore was laying down, or had laid down; the old data is in place',
    restore: 'resume',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-staged',
    advice: `a restore has not come to its end: ${STAYS}, odo clean removes what it laid down`,
  },
  'interrupted-vacant': {
    about: 'the same, and there is no data in place: it was deleted beforehand, or there was none',
    restore: 'resume',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-staged',
    advice:
      `a restore has not come to its end, and there is no data in place: ${STAYS}; odo clean removes what it ` +
      'laid down, and leaves the directory empty',
  },
  discarding: {
    about: 'what a restore had laid down was being removed',
    restore: 'resume',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-staged',
    advice: 'what a restore had laid down was being removed: odo clean finishes that',
  },
  exchanging: {
    about: 'an exchange, or a rollback, was interrupted',
    restore: 'settle',
    wipes: 'refuse',
    promote: 'refuse',
    rollback: 'undo',
    clean: 'refuse',
    advice:
      'an exchange was interrupted: odo rollback brings the old data back, the same restore command settles ' +
      'it and starts over',
  },
  'exchanging-alone': {
    about: 'the same, and there is no old data',
    restore: 'settle',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'none',
    clean: 'refuse',
    advice: 'an exchange was interrupted, and there is no old data to go back to: the same restore command settles it',
  },
  'setting-aside': {
    about: 'a rollback that keeps what was in place was interrupted',
    restore: 'settle',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'carry-through',
    clean: 'refuse',
    advice: 'a rollback was interrupted: odo rollback carries it through',
  },
  waiting: {
    about: 'a restored server waits for its promotion; the old data is kept',
    restore: 'take-back',
    wipes: 'the old data',
    promote: 'promote',
    rollback: 'undo',
    clean: 'refuse',
    advice:
      'the restored server stops at {target} and waits there: odo promote ends its recovery, odo rollback ' +
      'goes back to the old data',
  },
  'waiting-alone': {
    about: 'the same, and there is no old data',
    restore: 'take-back',
    wipes: 'nothing',
    promote: 'promote',
    rollback: 'none',
    clean: 'refuse',
    advice:
      'the restored server stops at {target} and waits there: odo promote ends its recovery; there is no old ' +
      'data to go back to',
  },
  recovering: {
    about: 'a restored server has not come out of its recovery; the old data is kept',
    restore: 'take-back',
    wipes: 'the old data',
    promote: 'refuse',
    rollback: 'undo',
    clean: 'refuse',
    advice: 'the restored server has not recovered yet, and the old data is kept: odo rollback goes back to it',
  },
  'recovering-alone': {
    about: 'the same, and there is no old data',
    restore: 'take-back',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'none',
    clean: 'refuse',
    advice:
      'the restored server has not recovered yet, and there is no old data to go back to: the same restore ' +
      'command starts over',
  },
  promoted: {
    about: 'a server that was to wait has been promoted by somebody else; the old data is kept',
    restore: 'refuse',
    wipes: 'nothing',
    promote: 'promote',
    rollback: 'exchange',
    clean: 'remove-old',
    advice:
      'the restored server, which was to wait at {target}, has been promoted: odo promote finishes the ' +
      'restore, odo rollback goes back to the old data and keeps what is in place now',
  },
  'promoted-alone': {
    about: 'the same, and there is no old data',
    restore: 'adopt',
    wipes: 'what is in place',
    promote: 'promote',
    rollback: 'none',
    clean: 'remove-old',
    advice: 'the restored server, which was to wait at {target}, has been promoted: odo promote finishes the restore',
  },
  used: {
    about: 'a restored server is in use; the old data is kept',
    restore: 'refuse',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'exchange',
    clean: 'remove-old',
    advice:
      'the restored server has recovered and the old data is kept: odo clean removes it, odo rollback goes ' +
      'back to it and keeps what is in place now',
  },
  'used-alone': {
    about: 'a restored server is in use, the restore was not finished, and there is no old data',
    restore: 'adopt',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-old',
    advice:
      'the restored server has recovered, and there is no old data: odo clean removes what is left of the restore',
  },
  'set-aside': {
    about: 'a rollback has put the old data back; what was restored is kept',
    restore: 'refuse',
    wipes: 'nothing',
    promote: 'refuse',
    rollback: 'exchange',
    clean: 'remove-restored',
    advice:
      'odo rollback has put the older data back, and what was restored is kept: odo clean removes that, odo ' +
      'rollback goes back to it and keeps what is in place now',
  },
  clearing: {
    about: 'what a restore or a rollback had replaced was being deleted',
    restore: 'finish-clearing',
    wipes: 'what is in place',
    promote: 'refuse',
    rollback: 'none',
    clean: 'remove-old',
    advice: 'the restore has succeeded, and the old data was being removed: odo clean finishes that',
  },
};

/** Whether a restore has to exchange content before it lays anything down, so that no server may run from then on. */
export function exchangesFirst(situation: Situation | undefined): boolean {
  return situation !== undefined && ['settle', 'take-back'].includes(TRANSITIONS[situation].restore);
}
