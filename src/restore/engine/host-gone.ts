import { OdoError } from '../../errors.ts';

/**
 * The reason of an abort when nobody has said that the work is over. The host may only have lost its line to the
 * container: a server that waits for WAL is left for another engine to go on with.
 */
export const HOST_GONE = new OdoError('cancelled', 'the host command that this container works for is gone');
