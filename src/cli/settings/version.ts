import { VERSION } from '../../restore/engine/build.ts';

export { VERSION };

/** The restore image unless --image or ODO_IMAGE names another. */
export const DEFAULT_IMAGE = process.env.ODO_IMAGE || `odo:${VERSION}`;
