import path from 'node:path';
import { OdoError } from '../../errors.ts';
import type { Situation } from '../../tree/exchange/situation.ts';
import type { Place } from '../../tree/places/place.ts';

/** Why a restore leaves a volume alone. */
export function refusedRestore({ root, odoDir }: Place, situation: Situation, keptBecause?: string): OdoError {
  const previous = path.join(odoDir, 'previous');
  const byHand = '(without a service: remove that folder)';
  switch (situation) {
    case 'unexplained':
      return new OdoError('unsafeTarget', `${previous} holds older data, and no journal says where it belongs`, {
        hint: 'move it away if you may need it, or remove it; then run the same command again',
      });
    case 'set-aside':
      return new OdoError(
        'unsafeTarget',
        `${previous} holds what was restored to ${root} and set aside by a rollback`,
        {
          hint: `when it is not needed any more, odo clean removes it ${byHand}; odo rollback goes back to it`,
        },
      );
    default:
      if (keptBecause !== undefined) {
        return new OdoError(
          'unsafeTarget',
          `${root} was restored and has been in use since; ${previous} still holds what was there before, ` +
            `and is the only copy of something: ${keptBecause}`,
          { hint: `odo rollback goes back to it; odo clean --accept-loss removes it for good ${byHand}` },
        );
      }
      return new OdoError(
        'unsafeTarget',
        `${root} was restored and has been in use since; ${previous} still holds what was there before`,
        {
          hint:
            `when the present content is right, odo clean removes the older ${byHand}; odo rollback goes back ` +
            'to it',
        },
      );
  }
}

/** Why a restore does not begin with a deletion. */
export function refusedWipe({ root }: Place): OdoError {
  return new OdoError(
    'unsafeTarget',
    `an exchange on ${root} was interrupted, and what --wipe would delete is half moved`,
    {
      hint: 'odo rollback brings the old data back, and the same command can be run then; or leave --wipe out',
    },
  );
}
