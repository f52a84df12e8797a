import { randomBytes } from 'node:crypto';

/**
 * For the names of what this process makes on the engine and in the store, so that they are its own. Ids of processes
 * come round again within an hour of tests: a volume that a killed run has left would be taken up by another file's
 * service.
 */
export const OWN = randomBytes(5).toString('hex');
